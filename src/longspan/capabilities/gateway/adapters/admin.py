"""What does Envoy say of itself? Its admin socket, read: versions it took, endpoints it holds, figures.

Source: Envoy 1.40, "Administration interface" (`/stats`, `/clusters`, `/server_info`).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

import msgspec

from longspan.base.errors import Unreachable
from longspan.capabilities.gateway.decide.clusters import address_of, unit_of
from longspan.client.connection import unix_request

TIMEOUT_SECONDS = 0.5
"""A trip of control waits for no more: Envoy answers in a few milliseconds, or it is in trouble."""

_ANSWER_BYTES = 64 << 20

_PREFIXES = {
    "cluster_manager.cds": "cds",
    "listener_manager.lds": "lds",
    "http.gateway.rds.main": "rds",
    "http.egress.rds.egress": "egress",
    "extension_config_discovery.http_filter.readiness": "ecds",
}
_WANTED = (
    r"^(cluster_manager\.cds|listener_manager\.lds|http\.gateway\.rds\.main|http\.egress\.rds\.egress"
    r"|extension_config_discovery\.http_filter\.readiness|cluster\.[^.]+)\.(version_text|update_rejected|update_failure)$"
    r"|^listener_manager\.(total_listeners_active|workers_started)$"
)
_LISTENERS = 2
"""The one for the outside and the one for our workers: with fewer, one of them could not be opened."""


class Told(msgspec.Struct, frozen=True):
    """One reading."""

    applied: dict[str, str]
    refusals: dict[str, int]
    """Kind -> how often Envoy has refused or could not read a file of that kind."""
    endpoints: frozenset[str]
    listening: bool


class Admin:
    """The admin socket at `path`. Each question raises `Unreachable` unless it is answered within half a second."""

    def __init__(self, path: Path) -> None:
        self._path = str(path)

    def told(self) -> Told:
        """Versions, refusals, endpoints."""
        clusters = json.loads(self._ask("GET", "/clusters?format=json")).get("cluster_statuses", [])
        stats = self.stats(_WANTED)
        applied: dict[str, str] = {}
        refusals: dict[str, int] = {}
        # A cluster that is still warming up has taken its endpoints, but takes no requests.
        ready = {f"eds/{cluster['name']}" for cluster in clusters}
        for name, value in stats.items():
            kind, what = _kind(name)
            if what == "version_text" and value and (kind in ready or not kind.startswith("eds/")):
                applied[kind] = value
            elif what in ("update_rejected", "update_failure") and value:
                refusals[kind] = refusals.get(kind, 0) + value
        return Told(
            applied=applied,
            refusals=refusals,
            endpoints=frozenset(_sockets(clusters)),
            listening=stats.get("listener_manager.total_listeners_active", 0) >= _LISTENERS
            and bool(stats.get("listener_manager.workers_started")),
        )

    def version(self) -> tuple[str, bool]:
        """Envoy's version, such as 1.40.0, and whether it was told to leave; an empty one while it is starting."""
        info = json.loads(self._ask("GET", "/server_info"))
        state = info.get("state")
        return str(info["version"]).split("/")[1] if state in ("LIVE", "DRAINING") else "", state == "DRAINING"

    def stats(self, pattern: str) -> dict[str, Any]:
        """Counters, gauges and texts in whose name `pattern` (RE2) is found, by name."""
        found = json.loads(self._ask("GET", f"/stats?format=json&filter={quote(pattern, safe='')}"))
        return {one["name"]: one["value"] for one in found["stats"] if "name" in one}

    def page(self, pattern: str) -> str:
        """The same, histograms too, as a page in the Prometheus text format."""
        return self._ask("GET", f"/stats/prometheus?filter={quote(pattern, safe='')}").decode()

    def do(self, path: str) -> None:
        """``POST path``."""
        self._ask("POST", path)

    def _ask(self, method: str, path: str) -> bytes:
        status, body = unix_request(method, self._path, path, timeout=TIMEOUT_SECONDS, limit_bytes=_ANSWER_BYTES)
        if status != 200:
            raise Unreachable(f"answered {status} to {path.partition('?')[0]}", at=self._path)
        return body


def _kind(name: str) -> tuple[str, str]:
    prefix, _, what = name.rpartition(".")
    return _PREFIXES.get(prefix) or f"eds/{unit_of(prefix.removeprefix('cluster.'))}", what


def _sockets(clusters: list[Mapping[str, Any]]) -> list[str]:
    """Addresses of all units' endpoints. Control's own cluster has an underscore in front, as no unit has."""
    return [
        address_of(host["address"])
        for cluster in clusters
        if not cluster["name"].startswith("_")
        for host in cluster.get("host_statuses", [])
    ]
