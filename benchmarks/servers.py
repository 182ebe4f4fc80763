"""Servers to be measured, as child processes: the bare loop and our worker, both on a unix socket."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import msgspec

from benchmarks import tiny
from longspan.base.signatures import Signature, TensorType
from longspan.wire.orders import ModelWork, Orders, Work

REPOSITORY = Path(__file__).resolve().parent.parent
READY_WITHIN_SECONDS = 20.0


@dataclass(frozen=True, slots=True)
class Server:
    """A running child. `ready_seconds`: from its start until its socket took a connection."""

    pid: int
    socket: str
    path: str
    """Where infer requests go."""
    ready_seconds: float

    def memory_bytes(self) -> int:
        """Resident memory now."""
        lines = Path(f"/proc/{self.pid}/status").read_text().splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmRSS:"))


def cpu_ns(pid: int) -> int:
    """CPU time of a process so far, all its threads, user and system.

    Linux makes the id of a process's CPU clock from its pid: ``(~pid << 3) | 2``
    (clock_getcpuclockid(3)); it counts in nanoseconds, where /proc/PID/stat counts in 1/100 s.
    """
    return time.clock_gettime_ns(~pid << 3 | 2)


@contextlib.contextmanager
def bare(folder: Path) -> Iterator[Server]:
    """The bare loop with the tiny model; `folder` is its working directory."""
    model = tiny.write(folder / "tiny.onnx")
    with bare_of("benchmarks.bare", model, "/v2/models/tiny/infer") as server:
        yield server


@contextlib.contextmanager
def bare_of(module: str, model: Path, path: str) -> Iterator[Server]:
    """A bare loop with a model; the folder of that is its working directory."""
    command = [sys.executable, "-B", "-m", module, "bare.sock", model.name]
    with _child(command, model.parent, "bare.sock", path) as server:
        yield server


@contextlib.contextmanager
def worker(folder: Path, orders: Orders | None = None, path: str = "/v2/models/tiny/infer") -> Iterator[Server]:
    """Our worker; `folder` is its state folder. Without `orders` it holds the tiny model alone."""
    given = orders or tiny_orders(tiny.write(folder / "tiny.onnx"))
    for needed in (given.socket, given.lock, given.load, f"{given.graphs}/x"):
        (folder / needed).parent.mkdir(parents=True, exist_ok=True)
    (folder / "orders.json").write_bytes(msgspec.json.encode(given))
    command = [sys.executable, "-B", "-m", "longspan.serving", "run", "orders.json"]
    with _child(command, folder, given.socket, path) as server:
        yield server


def tiny_orders(model: Path) -> Orders:
    """Orders of one replica that holds the tiny model and answers for it by itself."""
    signature = Signature(
        inputs={"input": TensorType("FP32", ("batch", tiny.SIZES[0]))},
        outputs={"scores": TensorType("FP32", ("batch", tiny.SIZES[-1]))},
    )
    digest = sha256(model.read_bytes()).hexdigest()
    held = ModelWork(name="tiny", version="1", threads=1, digest=digest, signature=signature, answers=True)
    return orders_of(Work(unit="tiny", models=(held,)), {"tiny": model.name})


def orders_of(work: Work, model_paths: dict[str, str], code_path: str = "") -> Orders:
    """Orders of the first replica of `work`, with all its files under ``run/``."""
    return Orders(
        replica="019abcde-0000-7000-8000-000000000001",
        generation=1,
        slot=0,
        digest=work.digest(),
        work=work,
        code_path=code_path,
        model_paths=model_paths,
        socket="run/0.sock",
        lock="run/0.lock",
        load="run/0.load",
        ids="run/0.ids",
        graphs="graphs",
    )


def pin(pid: int, place: int, cores: list[int]) -> None:
    """Keep a process (0: this one) on one of `cores`, chosen by its place among them."""
    os.sched_setaffinity(pid, {cores[place % len(cores)]})


@contextlib.contextmanager
def _child(command: list[str], folder: Path, name: str, path: str) -> Iterator[Server]:
    (folder / name).unlink(missing_ok=True)
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    began = time.monotonic()
    with (folder / "server.log").open("ab") as log:
        process = subprocess.Popen(command, cwd=folder, env=environment, stdout=log, stderr=log)
    try:
        _wait(process, folder, name)
        yield Server(process.pid, str(folder / name), path, time.monotonic() - began)
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait(process: subprocess.Popen[bytes], folder: Path, name: str) -> None:
    end = time.monotonic() + READY_WITHIN_SECONDS
    while time.monotonic() < end and process.poll() is None:
        with socket.socket(socket.AF_UNIX) as probe, contextlib.suppress(OSError):
            probe.connect(str(folder / name))
            return
        time.sleep(0.002)
    log = (folder / "server.log").read_text(errors="replace")[-2000:]
    raise RuntimeError(f"{' '.join(process.args)} was not ready:\n{log}")  # type: ignore[arg-type]
