"""How is a server that is there already? It has no slot, no lock and no load page: it is asked, when somebody looks.

Nothing is asked in a trip, which waits for nobody; Envoy's health checks decide where requests go. What was heard
holds for a second, and all are asked at once, so a look at the status takes no longer than one that is silent.
"""

from __future__ import annotations

import http.client
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from longspan.base.errors import Unreachable
from longspan.client.connection import UnixConnection, exchange, read_whole
from longspan.system.records import Wanted
from longspan.wire.metadata import misfit, no_binary
from longspan.wire.orders import Work

HOLDS_SECONDS = 1.0
PATIENCE_SECONDS = 0.5
"""For one answer."""
MOST_BYTES = 1 << 20
AT_ONCE = 16


class There:
    """What the servers that are there already say of themselves. Used by any thread."""

    def __init__(self) -> None:
        self._asking = threading.Lock()
        self._heard: dict[str, str] = {}
        """Digest of the work -> what is wrong with its server; empty: nothing."""
        self._until = 0.0

    def troubles(self, wanted: Sequence[Wanted]) -> dict[str, str]:
        """Unit -> what is wrong with its server, in words, or nothing; only of those that are there already."""
        units = {want.unit.name: want.unit for want in wanted if want.unit.address}
        with self._asking:
            if units and (time.monotonic() >= self._until or any(u.digest not in self._heard for u in units.values())):
                works = {unit.digest: unit.work for unit in units.values()}
                with ThreadPoolExecutor(min(AT_ONCE, len(works))) as pool:
                    self._heard = dict(zip(works, pool.map(_trouble, works.values()), strict=True))
                self._until = time.monotonic() + HOLDS_SECONDS
            return {name: self._heard[unit.digest] for name, unit in units.items()}


def _trouble(work: Work) -> str:
    server = work.server
    assert server is not None
    [step] = work.services[0].steps
    paths = ["/v2/health/ready", server.path, *(["/v2"] if server.binary else [])]
    answers = {}
    for path in paths:
        try:
            status, answers[path] = _get(server.there, path)
        except Unreachable as error:
            return f"{error.problem}"
        if status != 200:
            return f"GET {path} is answered {status}"
    problem = misfit(answers[server.path], step.signature)
    if not problem and server.binary:
        problem = no_binary(answers["/v2"])
    return f"the server does not fit: {problem}" if problem else ""


def _get(address: str, path: str) -> tuple[int, bytes]:
    until = time.monotonic() + PATIENCE_SECONDS
    host, _, port = address.rpartition(":")
    connection: http.client.HTTPConnection
    if "/" in address:
        connection = UnixConnection(address, PATIENCE_SECONDS)
    else:
        connection = http.client.HTTPConnection(host, int(port), timeout=PATIENCE_SECONDS)
    with exchange(connection, "GET", path) as response:
        return response.status, read_whole(response, limit_bytes=MOST_BYTES, until=until)
