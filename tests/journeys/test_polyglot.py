"""Steps in Node.js and in C: right answers, and their servers killed, updated, adopted and drained under load.

The system is `examples/polyglot`, its program compiled as its README says. The load is 60 requests/s by a client that
never retries and judges every answer. Without a C compiler or Node.js on the PATH there is nothing to run.
"""

from __future__ import annotations

import re
import shutil
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from benchmarks.judge import Judge
from benchmarks.system import System, alive, copy_example, kill
from longspan.client.load import Background, Plan, Request
from tests.journeys.simhash import compiled
from tests.serving.running import until

pytestmark = [
    pytest.mark.skipif(shutil.which("cc") is None, reason="no C compiler (cc) is on the PATH"),
    pytest.mark.skipif(shutil.which("node") is None, reason="no Node.js (node) is on the PATH"),
]

WORDS, SIMHASH = "fingerprint.words", "fingerprint.simhash"
PATH = "/v1/services/fingerprint"
SENTENCES = (
    "The quick brown fox jumps over the lazy dog",
    "The quick brown fox jumped over the lazy dog",
    "Zwölf Boxkämpfer jagen Viktor quer über den großen Sylter Deich",
    "Съешь же ещё этих мягких французских булок, да выпей чаю",
)
LOWER = "segment.toLowerCase()"
UPPER = "segment.toUpperCase()"
ON_A_PORT = '[./simhash, "{port}"]\n        url: "http://127.0.0.1:{port}"'
_M64 = (1 << 64) - 1


def fingerprint(words: Sequence[str]) -> str:
    """SimHash over FNV-1a, in as few lines as Python needs: what the program in C must give."""
    sums = [0] * 64
    for word in words:
        value = 0xCBF29CE484222325
        for byte in word.encode():
            value = (value ^ byte) * 0x100000001B3 & _M64
        for factor in (0xFF51AFD7ED558CCD, 0xC4CEB9FE1A85EC53):
            value = (value ^ value >> 33) * factor & _M64
        value ^= value >> 33
        sums = [total + (1 if value >> bit & 1 else -1) for bit, total in enumerate(sums)]
    return f"{sum(1 << bit for bit, total in enumerate(sums) if total > 0):016x}"


def _words(text: str) -> list[str]:
    return re.findall(r"\w+", text)


def _read(key: str, answer: Any) -> tuple[str, int]:
    """What is wrong with the answer to a sentence, and which version of words.mjs has split it."""
    words = _words(SENTENCES[int(key)])
    for version, cased in ((1, [word.lower() for word in words]), (2, [word.upper() for word in words])):
        if answer["fingerprint"] == fingerprint(cased):
            return ("" if answer["words"] == len(words) else "another number of words"), version
    return "no version's fingerprint", 0


class Polyglot:
    """The example as it runs, and the judge of its answers."""

    def __init__(self, folder: Path) -> None:
        self.system = System(copy_example("polyglot", folder))
        compiled(self.system.folder)
        self.system.change("longspan.yaml", "port: 8080", "port: 0")
        self.system.change(
            "longspan.yaml", "fingerprint:\n", "fingerprint:\n    settle: 300ms\n    ready_within: 10s\n"
        )
        self.judge = Judge(_read, 1)

    def ask(self, text: str) -> tuple[int, str]:
        request = urllib.request.Request(
            f"http://{self.system.address}{PATH}", text.encode(), {"content-type": "text/plain"}
        )
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as refused:
            with refused:
                return refused.code, refused.read().decode()

    def keepers(self, unit: str) -> set[int]:
        return {one.pid for one in self.system.replicas(unit) if one.pid}

    def servers(self, unit: str) -> set[int]:
        """The processes that keepers have started."""
        keepers, found = self.keepers(unit), set()
        for stat in Path("/proc").glob("[0-9]*/stat"):
            try:
                columns = stat.read_text().rpartition(")")[2].split()
            except OSError:
                continue
            if int(columns[1]) in keepers and columns[0] != "Z":
                found.add(int(stat.parent.name))
        return found

    @contextmanager
    def under_load(self) -> Iterator[Background]:
        """Load while the block does its worst; then no request may have failed, and all is whole again."""
        plan = Plan(
            address=self.system.address,
            requests=tuple(
                Request(path=PATH, body=text.encode(), content_type="text/plain", key=str(number))
                for number, text in enumerate(SENTENCES)
            ),
            rate_per_second=60.0,
            seconds=300.0,
            check=self.judge,
        )
        with Background(plan) as load:
            _calm(load)
            yield load
            self.system.until_ready()
            _calm(load)
        assert load.report.clean, f"{load.report}\n{self.system.tails()}"


def _calm(load: Background) -> None:
    end = load.seconds + 0.3
    while load.seconds < end:
        time.sleep(0.02)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Polyglot]:
    made = Polyglot(tmp_path_factory.mktemp("polyglot"))
    with made.system as system:
        system.up()
        yield made
        servers = made.servers(WORDS) | made.servers(SIMHASH)
    assert servers
    assert not {pid for pid in servers if alive(pid)}


def test_three_languages_answer_together_and_an_error_of_one_is_told_as_its_own(running: Polyglot) -> None:
    status, text = running.ask(SENTENCES[0])
    assert (status, fingerprint(_words(SENTENCES[0].lower())) in text) == (200, True), text
    status, text = running.ask("今日は良い天気です")
    assert (status, '"words":5' in text) == (200, True), text
    status, text = running.ask("--")
    assert (status, text) == (400, '{"error":"step \'words\': there is no word in this text"}')
    steps = {step.name: step for step in running.system.status().steps}
    running.system.until("counted", lambda status: {s.name: s.count for s in status.steps}["words"] >= 3)
    assert steps.keys() == {"words", "simhash", "tell"}


def test_servers_and_keepers_are_killed_and_no_request_fails(running: Polyglot) -> None:
    with running.under_load() as load:
        for unit in (WORDS, SIMHASH):
            for victims in (running.servers, running.keepers):
                victim, servers = min(victims(unit)), running.servers(unit)
                kill(victim)
                load.mark(f"{victims.__name__} of {unit}: one killed")
                running.system.until("seen dead", lambda _, pid=victim, unit=unit: pid not in running.keepers(unit))  # type: ignore[misc]
                running.system.until_ready()
                until(lambda u=unit, s=servers: len(running.servers(u)) == len(s), "as many servers as before")  # type: ignore[misc]


def test_another_program_and_a_port_in_place_of_a_socket_take_over_under_load(running: Polyglot) -> None:
    with running.under_load() as load:
        running.judge.expect(1, 2)
        running.system.change("words.mjs", LOWER, UPPER)
        running.system.change("longspan.yaml", '[sh, -c, "exec ./simhash {socket}"]', ON_A_PORT)
        running.system.run("apply")
        load.mark("applied")
        running.judge.expect(2)
        _calm(load)
        assert running.judge.seen == {2}
    [server] = running.servers(SIMHASH)
    assert Path(f"/proc/{server}/cmdline").read_bytes().split(b"\0")[1].isdigit()


def test_what_does_not_fit_fails_the_update_with_its_reason_and_nobody_notices(running: Polyglot) -> None:
    with running.under_load():
        running.system.change("words.mjs", "shape: [-1]", "shape: [3]")
        told = running.system.run("apply", exits=1)
        running.system.change("words.mjs", "shape: [3]", "shape: [-1]")
    assert "output 'words' is declared as BYTES[count], and it gives BYTES[3]" in told


def test_control_is_killed_and_the_next_one_takes_the_servers_over(running: Polyglot) -> None:
    servers = running.servers(WORDS) | running.servers(SIMHASH)
    with running.under_load() as load:
        kill(running.system.status().control.pid)
        load.mark("control killed")
        running.system.run("up", "--detach")
        assert running.servers(WORDS) | running.servers(SIMHASH) == servers


def test_servers_are_drained_as_their_number_changes(running: Polyglot) -> None:
    with running.under_load() as load:
        for count in (3, 2):
            running.system.run("scale", WORDS, str(count), "--for", "1h")
            load.mark(f"{count} replicas asked for")
            until(lambda n=count: len(running.servers(WORDS)) == n, "as many servers as asked for")  # type: ignore[misc]
    logs = "".join(path.read_text() for path in (running.system.state / "logs").glob(f"{WORDS}-*.log"))
    assert "drained; the server ended: exit code 0" in logs
