"""A real keeper in a child process, with the server of `oip_server`, and questions to both."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from longspan.base.signatures import Signature, TensorType
from longspan.wire import load
from longspan.wire.orders import Limits, Orders, ServerWork, ServiceWork, StepWork, Work
from tests.serving.running import until

HERE = Path(__file__).parent
SIGNATURE = Signature({"text": TensorType("BYTES", (1,))}, {"text": TensorType("BYTES", ("words",))})
IMPATIENT = """\
import sys
from longspan.serving import __main__
from longspan.serving.keeper import main, pulse
pulse.EVERY_SECONDS, main.LEAST_SECONDS, main.TURN_SECONDS = 0.05, 0.3, 0.05
sys.exit(__main__.main(sys.argv[1:]))
"""
"""The same keeper, which bears no long silence."""


class Kept:
    """One keeper in a state folder of its own."""

    def __init__(self, state: Path, *told: str, command: Sequence[str] | None = None, **server: Any) -> None:
        self.state, self.time_seconds = state, server.pop("time_seconds", 30.0)
        for folder in ("run/words.upper", "code"):
            (state / folder).mkdir(parents=True, exist_ok=True)
        shutil.copy(HERE / "oip_server.py", state / "code")
        self.port = server.pop("port_number", 0)
        self._program = ["-c", IMPATIENT] if server.pop("impatient", False) else ["-m", "longspan.serving"]
        self._work = ServerWork(
            model=server.pop("model", "upper"),
            command=tuple(command or (sys.executable, "-S", "oip_server.py", *told)),
            port=bool(self.port),
            **server,
        )
        self.child = self.start()

    def start(self) -> subprocess.Popen[bytes]:
        step = StepWork(name="upper", repeatable=True, inputs={"text": "text"}, signature=SIGNATURE)
        service = ServiceWork(
            name="words.upper",
            version="1",
            inputs=SIGNATURE.inputs,
            outputs={"text": "upper.text"},
            steps=(step,),
            accepts={},
            answers={},
            limits=Limits(time_seconds=self.time_seconds),
            internal=True,
        )
        work = Work(unit="words.upper", services=(service,), server=self._work, code="c0de")
        orders = Orders(
            replica="r1",
            generation=1,
            slot=0,
            digest=work.digest(),
            work=work,
            code_path="code",
            model_paths={},
            socket="run/words.upper/0.sock",
            lock="run/words.upper/0.lock",
            load="run/words.upper/0.load",
            graphs="cache",
            port=self.port,
        )
        (self.state / "orders.json").write_bytes(msgspec.json.encode(orders))
        with (self.state / "log").open("ab") as log:
            self.child = subprocess.Popen(
                [sys.executable, "-P", "-B", *self._program, "keep", "orders.json"],
                cwd=self.state,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        return self.child

    @property
    def log(self) -> str:
        return (self.state / "log").read_text()

    @property
    def address(self) -> str:
        """Of the slot's socket, from the working directory: the kernel takes no long path."""
        return os.path.relpath(self.state / "run/words.upper/0.sock")

    def ready(self) -> Kept:
        until(lambda: self.identity() or self.child.poll() is not None, "the keeper answers")
        assert self.child.poll() is None, self.log
        return self

    def identity(self) -> dict[str, Any] | None:
        with contextlib.suppress(OSError):
            found: dict[str, Any] = ask(self.address.replace(".sock", ".keeper.sock"), "/-/replica")[1]
            return found
        return None

    def get(self, path: str) -> tuple[int, Any]:
        return ask(self.port or self.address, path)

    def server_pid(self) -> int:
        return int(self.get("/environment")[1]["pid"])

    def load(self) -> load.Load:
        page = load.read(str(self.state / "run/words.upper/0.load"))
        assert page is not None
        return page

    def ended(self) -> int:
        """Its exit code; fails the test when it does not end."""
        return self.child.wait(30)

    def stop(self) -> None:
        self.child.kill()
        self.child.wait(30)


def ask(address: str | int, path: str) -> tuple[int, Any]:
    """Status and JSON of one question."""
    with connected(address) as wire:
        wire.sendall(f"GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n".encode())
        answer = b""
        while piece := wire.recv(65536):
            answer += piece
    head, _, body = answer.partition(b"\r\n\r\n")
    if not head:
        raise ConnectionResetError(path)
    return int(head.split()[1]), json.loads(body)


def connected(address: str | int) -> socket.socket:
    wire = socket.socket(socket.AF_INET if isinstance(address, int) else socket.AF_UNIX)
    wire.settimeout(30)
    try:
        wire.connect(("127.0.0.1", address) if isinstance(address, int) else address)
    except OSError:
        wire.close()
        raise
    return wire


def alive(pid: int) -> bool:
    """Does the process run? (A zombie does not.)"""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def gone(pid: int) -> None:
    until(lambda: not alive(pid), f"pid {pid} is gone")
