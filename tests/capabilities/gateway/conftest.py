"""A real Envoy before real upstreams, each test in a state folder of its own or of its module."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import pytest

from longspan.capabilities.gateway.adapters import EGRESS_SOCKET, Envoy, choose_port
from longspan.capabilities.gateway.decide import in_force
from longspan.capabilities.gateway.run import converge, wind_down
from longspan.client.connection import UnixConnection
from longspan.client.load import Background, Plan, Request
from longspan.system.records import Cors, Endpoint, GatewaySeen, GatewayWanted
from longspan.wire.orders import Work
from tests.capabilities.gateway import upstream
from tests.capabilities.gateway.works import VERSION

PATIENCE_SECONDS = 20.0

T = TypeVar("T")


@dataclass(frozen=True)
class Answer:
    """What a caller got."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def error(self) -> str:
        return str(self.json["error"])


def until(what: Callable[[], T], *, why: str) -> T:
    """Ask `what` again and again until it is true; its last answer."""
    end = time.monotonic() + PATIENCE_SECONDS
    while not (answer := what()):
        assert time.monotonic() < end, f"not within {PATIENCE_SECONDS:g} s: {why}"
        time.sleep(0.02)
    return answer


def looked(wish: GatewayWanted, envoy: Envoy) -> GatewaySeen:
    """One trip; gives what was seen before it did anything."""
    seen = envoy.see()
    converge(wish, seen, envoy, envoy, time.time_ns(), VERSION)
    return seen


@dataclass
class Site:
    """A state folder with a gateway and the processes behind it."""

    state: Path
    port: int = field(default_factory=choose_port)
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.envoy = Envoy(self.state)
        self.wish = GatewayWanted(port=self.port, works=(), endpoints=())

    def trip(self) -> GatewaySeen:
        return looked(self.wish, self.envoy)

    def tell(self, *works: Work, endpoints: tuple[Endpoint, ...] = (), cors: Cors | None = None) -> GatewaySeen:
        """Make trips until Envoy does what is wanted."""
        self.wish = GatewayWanted(port=self.port, works=works, endpoints=endpoints, cors=cors)
        until(lambda: in_force(self.wish, self.trip(), VERSION), why="the wish in force")
        return self.trip()

    def up(self, at: Endpoint) -> None:
        """Start an upstream there, and wait until it answers."""
        command = [sys.executable, upstream.__file__, at.socket, f"{at.unit}/{at.slot}"]
        path = self.state / at.socket
        path.unlink(missing_ok=True)
        self.processes[at.socket] = subprocess.Popen(command, cwd=self.state)
        until(path.exists, why=f"{at.socket} listening")

    def kill(self, at: Endpoint) -> None:
        self.processes[at.socket].kill()
        self.processes[at.socket].wait()

    def call(
        self, path: str, body: bytes | None = b"{}", *, method: str = "", headers: Mapping[str, str] | None = None
    ) -> Answer:
        """One request on a connection of its own."""
        return self._ask(
            http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE_SECONDS), path, body, method, headers
        )

    def call_unit(self, path: str, body: bytes | None = b"{}", *, headers: Mapping[str, str] | None = None) -> Answer:
        """The same as a worker does it: through the egress socket."""
        connection = UnixConnection(str(self.state / EGRESS_SOCKET), PATIENCE_SECONDS)
        return self._ask(connection, path, body, "", headers)

    @staticmethod
    def _ask(
        connection: http.client.HTTPConnection,
        path: str,
        body: bytes | None,
        method: str,
        headers: Mapping[str, str] | None,
    ) -> Answer:
        try:
            connection.request(method or ("GET" if body is None else "POST"), path, body, dict(headers or {}))
            response = connection.getresponse()
            return Answer(response.status, {k.lower(): v for k, v in response.getheaders()}, response.read())
        finally:
            connection.close()

    def raw(self, request: bytes) -> Answer:
        """The answer to these bytes, whatever they are."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE_SECONDS) as connection:
            connection.sendall(request)
            response = http.client.HTTPResponse(connection)
            response.begin()
            return Answer(response.status, {k.lower(): v for k, v in response.getheaders()}, response.read())

    def load(self, path: str, *, rate: float, body: bytes = b"{}") -> Background:
        """A load of callers that never try again; it runs while the `with` block does."""
        requests = (Request(path=path, body=body),)
        return Background(Plan(address=f"127.0.0.1:{self.port}", requests=requests, rate_per_second=rate, seconds=60))

    def log(self) -> list[dict[str, Any]]:
        """The lines of the access log so far."""
        path = self.state / "logs" / "access.log"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    def close(self) -> None:
        end = time.time_ns() + int(PATIENCE_SECONDS * 1e9)
        until(lambda: wind_down(self.envoy, self.envoy, time.time_ns(), end), why="the gateway gone")
        for process in self.processes.values():
            process.kill()
            process.wait()


@pytest.fixture
def make_site(tmp_path: Path) -> Iterator[Callable[..., Site]]:
    """Makes sites, each in the folder of its name; none outlives the test."""
    with contextlib.ExitStack() as stack:

        def make(name: str, **fields: Any) -> Site:
            (tmp_path / name).mkdir(exist_ok=True)
            made = Site(tmp_path / name, **fields)
            stack.callback(made.close)
            return made

        yield make


@pytest.fixture
def site(make_site: Callable[..., Site]) -> Site:
    return make_site("state")


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """One for all tests of a module that change nothing."""
    with contextlib.closing(Site(tmp_path_factory.mktemp("state"))) as made:
        yield made


def listens(pid: int) -> set[tuple[str, int]]:
    """Addresses (hexadecimal, as the kernel prints them) and ports of TCP that the process listens on."""
    open_files = set()
    for entry in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):  # closed since it was listed
            open_files.add(os.readlink(entry))
    found = set()
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/{pid}/net/{table}").read_text().splitlines()[1:]:
            _, local, _, state, *rest = line.split()
            if state == "0A" and f"socket:[{rest[5]}]" in open_files:
                address, _, port = local.partition(":")
                found.add((address, int(port, 16)))
    return found
