"""Reading text in pictures: CPU per picture of examples/read-text, against its steps in a plain loop; and its errors.

::

    python -m benchmarks.read_text --accuracy   # error rates beside those of rapidocr's own pipeline
    python -B -m benchmarks.read_text ROUNDS    # the plain loop: prints its CPU milliseconds per picture
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from benchmarks import error_rate, servers
from benchmarks.figures import Figure, aligned
from benchmarks.pictures import Picture, drawn, photographs
from benchmarks.sending import send
from benchmarks.spread import PAIRS, compare
from benchmarks.system import System, copy_example
from benchmarks.text_loop import STEPS, TextLoop

RATIO_BOUND = 1.1
CONNECTIONS = (1, 4)
ROUNDS = 2
"""How often the pictures are sent in one measurement."""
PICTURES = ("page", "no-parking-notice", "galleries", "lato 20 px", "serif 36 px", "aileron 13 px")
"""384 x 191, 800 x 600, 640 x 480, and three drawn ones of five lines; about 0.35 s each."""

Read = Callable[[bytes], str]


def pictures() -> list[Picture]:
    """All, photographs first."""
    return [*photographs(), *drawn()]


# --- speed --------------------------------------------------------------------------------------------------------


def contents() -> list[bytes]:
    """The files that both variants are given."""
    return [picture.content for picture in pictures() if picture.name in PICTURES]


def figures(pairs: int = PAIRS, rounds: int = ROUNDS) -> Iterator[Figure]:
    """CPU of one worker per picture through the gateway; the plain loop's; their ratio; at 1 and 4 connections."""
    bodies = contents()
    with tempfile.TemporaryDirectory() as folder:
        with System(copy_example("read-text", Path(folder))) as system:
            system.change("longspan.yaml", "    limits:", "    settle: 1s\n    limits:")
            system.change("longspan.yaml", "port: 8080", "port: 0")
            system.up()
            address, (replica,) = system.address, system.replicas("read-text")
            assert replica.pid is not None
            pid = replica.pid
            for connections in CONNECTIONS:
                send(address, "read-text", bodies, rounds=1, connections=connections)

                def worker(connections: int = connections) -> float:
                    before = servers.cpu_ns(pid)
                    send(address, "read-text", bodies, rounds=rounds, connections=connections)
                    return (servers.cpu_ns(pid) - before) / 1e6 / len(bodies) / rounds

                found = compare(lambda: plain(rounds), worker, pairs)
                at = f"at {connections} connection{'s' * (connections > 1)}"
                yield Figure(f"read-text, CPU per picture in a plain loop (beside {at})", "ms", found.a)
                yield Figure(f"read-text, CPU of the worker per picture {at}", "ms", found.b)
                yield Figure(f"ratio of these two {at}", "", found.ratio, RATIO_BOUND)


def plain(rounds: int) -> float:
    """CPU milliseconds per picture of the steps in a plain loop, in a process of its own."""
    command = [sys.executable, "-B", "-m", "benchmarks.read_text", str(rounds)]
    return float(subprocess.run(command, cwd=servers.REPOSITORY, capture_output=True, text=True, check=True).stdout)


def _plain_loop(rounds: int) -> float:
    loop, bodies, spent = TextLoop(), contents(), 0
    for turn in range(rounds + 1):
        before = time.process_time_ns()
        for body in bodies:
            json.dumps(loop.read(body)).encode()
        spent += time.process_time_ns() - before if turn else 0  # The first turn warms up.
    return spent / 1e6 / len(bodies) / rounds


# --- errors -------------------------------------------------------------------------------------------------------


def rapidocr() -> Read:
    """The package's own pipeline, as it comes, on one thread."""
    from rapidocr import RapidOCR
    from rapidocr.utils.output import RapidOCROutput

    own = RapidOCR(params={"EngineConfig.onnxruntime.intra_op_num_threads": 1, "Global.log_level": "error"})

    def read(content: bytes) -> str:
        found = own(content)
        return " ".join((found.txts if isinstance(found, RapidOCROutput) else None) or ())

    return read


def rate(read: Read, pictures: Sequence[Picture]) -> float:
    """Letters wrong over letters, in all pictures together."""
    wrong = sum(error_rate.edits(read(picture.content), picture.text) for picture in pictures)
    return wrong / sum(error_rate.length(picture.text) for picture in pictures)


def accuracy() -> str:
    """A table of groups of pictures with both error rates, and what each of our steps took."""
    loop, own = TextLoop(), rapidocr()
    loop.read(pictures()[0].content)  # warms up
    loop.nanoseconds.clear()
    rows: list[tuple[str, ...]] = [("pictures", "count", "letters", "read-text", "rapidocr")]
    totals = [0, 0, 0, 0]
    for name, some in _groups().items():
        letters = sum(error_rate.length(picture.text) for picture in some)
        wrong = [
            sum(error_rate.edits(read(picture.content), picture.text) for picture in some)
            for read in (lambda content: str(loop.read(content)["text"]), own)
        ]
        rows.append(_row(name, len(some), letters, *wrong))
        totals = [total + more for total, more in zip(totals, (len(some), letters, *wrong), strict=True)]
    rows.append(_row("all", *totals))
    times = ", ".join(f"{step} {loop.nanoseconds[step] / 1e6 / totals[0]:.1f}" for step in STEPS)
    return f"{aligned(rows)}\n\nCPU milliseconds per picture and step, on one thread: {times}"


def _groups() -> dict[str, list[Picture]]:
    """The drawn pages that lie on their side stand apart: there the order of the lines decides."""
    groups: dict[str, list[Picture]] = {"photographs": [*photographs()], "drawn": [], "drawn, on their side": []}
    for picture in drawn():
        groups["drawn, on their side" if "90 degrees" in picture.name else "drawn"].append(picture)
    return groups


def _row(name: str, count: int, letters: int, ours: int, theirs: int) -> tuple[str, ...]:
    return (name, str(count), f"{letters:,}", f"{ours / letters:.2%}", f"{theirs / letters:.2%}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m benchmarks.read_text")
    parser.add_argument("rounds", nargs="?", type=int, help="run the plain loop so often")
    parser.add_argument("--accuracy", action="store_true", help="print error rates")
    options = parser.parse_args()
    if options.accuracy:
        print(accuracy())
    elif options.rounds:
        print(_plain_loop(options.rounds))
    else:
        parser.error("say how many ROUNDS, or --accuracy")
