"""The contract suite for OIP servers: an honest server keeps every promise, and each broken one is noticed."""

from __future__ import annotations

import socket

import msgspec
import pytest

from longspan.base.errors import LongspanError, Unreachable
from longspan.cli.main import run
from longspan.client.conform import CHECKS, Check, Report, Server, ask, examine
from tests.client.odd_server import OddServer


def report(server: OddServer, *models: str) -> Report:
    return examine(Server(server.url, timeout=10.0), models)


def test_an_honest_server_conforms() -> None:
    with OddServer() as server:
        whole = report(server, "echo")
    assert {(answer.check, answer.verdict, answer.seen) for answer in whole.answers} == {
        (check.name, "kept", "") for check in CHECKS
    }
    assert whole.conforms
    assert whole.server == "odd 1"


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.name)
def test_each_promise_that_is_broken_is_noticed_and_what_was_seen_is_told(check: Check) -> None:
    with OddServer(fault=check.name) as server:
        server.refusals = 1  # as if the wrong requests had been sent
        answer = ask(check, Server(server.url, timeout=10.0), "echo")
    assert answer.verdict == "differs"
    assert answer.seen


@pytest.mark.parametrize(("fault", "conforms"), [("id", False), ("media-type", True)])
def test_whoever_breaks_a_must_does_not_conform(fault: str, conforms: bool) -> None:
    with OddServer(fault) as server:
        assert report(server, "echo").conforms == conforms


def test_a_model_that_is_not_there_is_not_asked_any_further() -> None:
    with OddServer() as server:
        whole = report(server, "nobody")
    verdicts = {answer.check: answer.verdict for answer in whole.answers if answer.model}
    assert verdicts.pop("metadata") == "differs"
    assert set(verdicts.values()) == {"not asked"}
    assert not whole.conforms


def test_the_command_says_what_differs_and_ends_with_one(capsys: pytest.CaptureFixture[str]) -> None:
    with OddServer(fault="id") as server:
        assert run(["conform", server.url, "echo"]) == 1
        shown = capsys.readouterr().out
        assert "the id of a request is the id of its answer" in shown
        assert "id is None" in shown
        assert "odd 1 does not conform" in shown
        assert run(["conform", server.url, "echo", "--json"]) == 1
    said = msgspec.json.decode(capsys.readouterr().out)
    assert [answer["check"] for answer in said["answers"] if answer["verdict"] == "differs"] == ["id"]


def test_a_shape_may_be_named_and_a_wrong_one_is_told() -> None:
    with OddServer() as server:
        assert run(["conform", server.url, "echo", "--shape", "x=3,2"]) == 0
        assert run(["conform", server.url, "echo", "--shape", "x:3"]) == 1


def test_nobody_there_is_told_in_a_line() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{probe.getsockname()[1]}"
    with pytest.raises(Unreachable):
        examine(Server(url, timeout=1.0), ())
    with pytest.raises(LongspanError, match="is no address of a server"):
        Server("ftp://here", timeout=1.0)
