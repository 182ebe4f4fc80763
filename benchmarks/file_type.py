"""What serving adds to a heavier chain: CPU per file of examples/file-type, against its steps in a plain loop.

::

    python -B -m benchmarks.file_type ROUNDS     # the plain loop: prints its CPU microseconds per file
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from importlib.metadata import distribution
from pathlib import Path

from benchmarks import servers
from benchmarks.figures import Figure
from benchmarks.files import real_files
from benchmarks.sending import send
from benchmarks.spread import PAIRS, compare
from benchmarks.system import System, copy_example

RATIO_BOUND = 1.1
CONNECTIONS = 4
FILES = 200
ROUNDS = 2
"""How often the files are sent in one measurement."""


def contents() -> list[bytes]:
    """The files that both variants are given."""
    return [path.read_bytes() for path in real_files(FILES)]


def figures(pairs: int = PAIRS, rounds: int = ROUNDS) -> Iterator[Figure]:
    """CPU of one worker per file at four connections through the gateway; the plain loop's; their ratio."""
    bodies = contents()
    with tempfile.TemporaryDirectory() as folder:
        example = copy_example("file-type", Path(folder))
        with System(example) as system:
            system.change("longspan.yaml", "replicas: 2", "replicas: 1\n    settle: 1s")
            system.change("longspan.yaml", "port: 8080", "port: 0")
            system.up()
            address, (replica,) = system.address, system.replicas("file-type")
            assert replica.pid is not None
            pid = replica.pid
            send(address, "file-type", bodies, rounds=1, connections=CONNECTIONS)

            def worker() -> float:
                before = servers.cpu_ns(pid)
                send(address, "file-type", bodies, rounds=rounds, connections=CONNECTIONS)
                return (servers.cpu_ns(pid) - before) / 1e3 / len(bodies) / rounds

            found = compare(lambda: plain(rounds), worker, pairs)
    yield Figure("file-type, CPU per file in a plain loop", "us", found.a)
    yield Figure(f"file-type, CPU of the worker per file at {CONNECTIONS} connections", "us", found.b)
    yield Figure("ratio of these two", "", found.ratio, RATIO_BOUND)


def plain(rounds: int) -> float:
    """CPU microseconds per file of the steps in a plain loop, in a process of its own."""
    command = [sys.executable, "-B", "-m", "benchmarks.file_type", str(rounds)]
    return float(subprocess.run(command, cwd=servers.REPOSITORY, capture_output=True, text=True, check=True).stdout)


def _plain_loop(rounds: int) -> float:
    sys.path.insert(0, str(servers.REPOSITORY / "examples" / "file-type"))
    import msgspec
    import onnxruntime
    import steps  # type: ignore[import-not-found]  # the example's, on the path as in a worker

    onnxruntime.disable_telemetry_events()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    model = str(distribution("magika").locate_file("magika/models/standard_v3_3/model.onnx"))
    run = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"]).run
    bodies, spent = contents(), 0
    for turn in range(rounds + 1):
        before = time.process_time_ns()
        for body in bodies:
            prepared = steps.prepare(body)
            (scores,) = run(["target_label"], {"bytes": prepared["bytes"]})
            msgspec.json.encode(steps.name(scores, prepared["shortcut"]))
        spent += time.process_time_ns() - before if turn else 0  # The first turn warms up.
    return spent / 1e3 / len(bodies) / rounds


if __name__ == "__main__":
    print(_plain_loop(int(sys.argv[1])))
