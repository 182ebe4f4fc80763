"""Real workers in child processes, and the clients that talk to them over their sockets."""

from __future__ import annotations

import http.client
import json
import os
import socket as net
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

import msgspec

from longspan.base.signatures import Signature, TensorType
from longspan.wire import load
from longspan.wire.load import EndpointLoad, StepLoad
from longspan.wire.orders import Limits, ModelWork, Orders, ServiceWork, StepWork, Work

WITHIN = 30.0
"""Seconds that anything may take before a test gives up; nothing here is expected to take long."""
CHAINS = Path(__file__).resolve().parent / "chains"
ONE = TensorType("BYTES", (1,))
JSON = TensorType("BYTES", (1,), "json")
ROWS = TensorType("FP32", ("batch", 4))


def until(true: Callable[[], Any], what: str) -> Any:
    """Poll until `true` gives something true; that. Fails the test when it never does."""
    end = time.monotonic() + WITHIN
    while not (value := true()):
        assert time.monotonic() < end, f"not within {WITHIN:g} s: {what}"
        time.sleep(0.005)
    return value


def step(
    name: str,
    run: str,
    given: dict[str, TensorType] | None = None,
    gives: dict[str, TensorType] | None = None,
    *,
    sources: dict[str, str] | None = None,
    settings: dict[str, Any] | None = None,
    call: str = "sync",
    optional: tuple[str, ...] = (),
    **more: Any,
) -> StepWork:
    """A Python step, ``module:attribute`` or an attribute of `steps.py`; by default bytes to bytes.

    `more` are further fields of its orders.
    """
    inputs = given or {"content": ONE}
    signature = msgspec.convert(
        {
            "inputs": msgspec.to_builtins(inputs),
            "outputs": msgspec.to_builtins(gives or {"result": ONE}),
            "call": call,
            "optional": optional,
        },
        Signature,
    )
    return StepWork(
        name=name,
        run=run if ":" in run or not run else f"steps:{run}",
        settings=settings,
        repeatable=more.pop("repeatable", True),
        inputs=sources or {key: key for key in inputs},
        signature=signature,
        **more,
    )


def service(
    name: str,
    *steps: StepWork,
    answers: dict[str, str] | None = None,
    accepts: dict[str, str] | None = None,
    outputs: dict[str, str] | None = None,
    limits: Limits = Limits(),
) -> ServiceWork:
    """A chain whose inputs are those of its first step and whose outputs, by default, are those of its last."""
    last = steps[-1]
    return ServiceWork(
        name=name,
        version="1",
        inputs=steps[0].signature.inputs,
        outputs=outputs or {output: f"{last.name}.{output}" for output in last.signature.outputs},
        steps=steps,
        accepts={"*/*": "content"} if accepts is None else accepts,
        answers={"application/octet-stream": "result"} if answers is None else answers,
        limits=limits,
    )


def model(name: str, path: Path, inputs: dict[str, TensorType], outputs: dict[str, TensorType]) -> ModelWork:
    """A model that answers for itself."""
    return ModelWork(
        name=name,
        version="1",
        threads=1,
        digest=sha256(path.read_bytes()).hexdigest(),
        signature=Signature(inputs, outputs),
        answers=True,
    )


@dataclass
class Answer:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Running:
    """A worker that has been started in `folder`, its state folder."""

    folder: Path
    work: Work
    models: dict[str, Path] = field(default_factory=dict)
    slot: int = 0
    secrets: dict[str, str] = field(default_factory=dict)
    process: subprocess.Popen[bytes] = field(init=False)
    egress: str = ""
    """Socket that other units are called through, relative to the folder."""
    secrets_inode: int = 0
    """Of the pipe that the secrets came through."""

    @property
    def orders(self) -> Orders:
        stem = f"run/{self.work.unit}/{self.slot}"
        return Orders(
            replica="0190-test",
            generation=1,
            slot=self.slot,
            digest=self.work.digest(),
            work=self.work,
            code_path=os.path.relpath(CHAINS, self.folder) if self.work.services else "",
            model_paths={name: os.path.relpath(path, self.folder) for name, path in self.models.items()},
            socket=f"{stem}.sock",
            lock=f"{stem}.lock",
            load=f"{stem}.load",
            ids=f"{stem}.ids",
            graphs="graphs",
            egress=self.egress,
        )

    def start(self) -> Running:
        """Start it and wait until it answers."""
        self.spawn()
        until(lambda: self.socket.exists() or self.process.poll() is not None, "a socket")
        assert self.process.poll() is None, f"the worker ended with {self.process.returncode}: {self.log}"
        return self

    def spawn(self) -> None:
        """Start it."""
        (self.folder / "run" / self.work.unit).mkdir(parents=True, exist_ok=True)
        (self.folder / "graphs").mkdir(exist_ok=True)
        orders = self.folder / f"orders-{self.slot}.json"
        orders.write_bytes(msgspec.json.encode(self.orders))
        command = [sys.executable, "-B", "-m", "longspan.serving", "run", orders.name]
        passed: tuple[int, ...] = ()
        if self.secrets:
            reader, writer = os.pipe()
            self.secrets_inode = os.fstat(reader).st_ino
            os.write(writer, msgspec.json.encode(self.secrets))
            os.close(writer)
            command += ["--secrets", str(reader)]
            passed = (reader,)
        with self.log_path.open("ab") as log:
            self.process = subprocess.Popen(command, cwd=self.folder, stdout=log, stderr=log, pass_fds=passed)
        for descriptor in passed:
            os.close(descriptor)

    def stop(self) -> None:
        """End it, however it is."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(WITHIN)

    @property
    def socket(self) -> Path:
        return self.folder / self.orders.socket

    @property
    def log_path(self) -> Path:
        return self.folder / f"log-{self.slot}"

    @property
    def log(self) -> str:
        return self.log_path.read_text()

    def records(self) -> list[dict[str, Any]]:
        """The log's JSON lines."""
        return [json.loads(line) for line in self.log.splitlines() if line.startswith("{")]

    def steps(self, endpoint: str) -> dict[str, StepLoad]:
        """What the load page says of its steps now."""
        page = load.read(str(self.folder / self.orders.load))
        assert page is not None, "there is no load page"
        return {one.step: one for one in page.steps if one.endpoint == endpoint}

    def load(self, endpoint: str) -> EndpointLoad:
        """What the load page says of an endpoint now."""
        page = load.read(str(self.folder / self.orders.load))
        assert page is not None, "there is no load page"
        return next(one for one in page.endpoints if one.name == endpoint)

    def connect(self) -> net.socket:
        """A raw connection."""
        client = net.socket(net.AF_UNIX, net.SOCK_STREAM)
        client.settimeout(WITHIN)
        try:
            client.connect(str(self.socket))
        except OSError:
            client.close()
            raise
        return client

    def client(self) -> Client:
        """A connection that speaks HTTP."""
        return Client(self)

    def request(self, method: str, path: str, body: bytes | None = None, **headers: str) -> Answer:
        """One request over a connection of its own. Header names are given with ``_`` for ``-``."""
        with self.client() as client:
            return client.request(method, path, body, **headers)

    def infer(self, name: str, inputs: list[dict[str, Any]], **more: Any) -> Answer:
        """An OIP inference request as JSON."""
        return self.request("POST", f"/v2/models/{name}/infer", json.dumps({"inputs": inputs, **more}).encode())

    def content(self, name: str, body: bytes, **headers: str) -> Answer:
        """A request of natural content."""
        return self.request("POST", f"/v1/services/{name}", body, **headers)


class Client(http.client.HTTPConnection):
    """A kept connection over the worker's socket."""

    def __init__(self, running: Running) -> None:
        super().__init__("worker", timeout=WITHIN)
        self._running = running

    def connect(self) -> None:
        self.sock = self._running.connect()

    def request(self, method: str, url: str, body: Any = None, **headers: str) -> Answer:  # type: ignore[override]
        super().request(method, url, body, {name.replace("_", "-"): value for name, value in headers.items()})
        answer = self.getresponse()
        content = answer.read()
        return Answer(answer.status, {name.lower(): value for name, value in answer.getheaders()}, content)

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def receive(client: net.socket) -> bytes:
    """Everything until the worker closes."""
    parts = []
    while part := client.recv(1 << 16):
        parts.append(part)
    return b"".join(parts)
