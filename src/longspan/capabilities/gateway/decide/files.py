"""What is a configuration file of Envoy, and which of them may be written now?

Each kind stands in a folder of its own, as JSON with a version that is the digest of what it says:
equal wishes give equal bytes, so a file that is right is never touched, and "routed" is Envoy naming
that version. Files have no acknowledgement and no order among each other; `next_files` gives both:

::

    adding      endpoints and clusters, (seen in Envoy), routes and readiness
    removing    routes and readiness, (seen in Envoy), clusters, (seen gone), the file of endpoints

All paths are relative to the state folder, Envoy's working directory, so that the folder can be moved
while Envoy runs.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from longspan.capabilities.gateway.decide import clusters, egress, listener, routes
from longspan.capabilities.gateway.decide.paths import FOLDER, kind_path
from longspan.system.records import EDS, GatewaySeen, GatewayWanted


class File(msgspec.Struct, frozen=True):
    """One file, and the kind under which `GatewaySeen.applied` tells which version Envoy took."""

    kind: str
    path: str
    version: str
    text: str


class Step(msgspec.Struct, frozen=True):
    """What may be done to the files now: these written where they differ, and units' files kept."""

    write: tuple[File, ...]
    keep: frozenset[str]
    """Units whose endpoints some cluster may still read; the files of others may go."""


def next_files(wanted: GatewayWanted, seen: GatewaySeen, version: str) -> Step:
    """What may be written while Envoy runs; the same again when all is as wanted. `version` is ours, for ``/v2``."""
    units = {work.unit for work in wanted.works}
    held = seen.clusters
    last = _last(wanted, version)
    used = all(seen.applied.get(file.kind) == file.version for file in last)
    # A cluster is no longer used once the routes and the readiness without it are in force.
    step = [*_endpoints(wanted), _clusters(units if used else units | held, wanted)]
    if units <= held:
        # The listeners after the routes that they ask for, or they would find no file.
        step += (*last, _listeners(wanted))
    return Step(tuple(step), frozenset(units | held))


def first_files(wanted: GatewayWanted, version: str) -> Step:
    """All that Envoy is started with: as it starts, it reads clusters, endpoints, listener and routes in order."""
    units = {work.unit for work in wanted.works}
    everything = (
        _bootstrap(),
        *_endpoints(wanted),
        _clusters(units, wanted),
        *_last(wanted, version),
        _listeners(wanted),
    )
    return Step(everything, frozenset(units))


def in_force(wanted: GatewayWanted, seen: GatewaySeen, version: str) -> bool:
    """Does Envoy do exactly what is wanted, as far as it tells?"""
    files = [file for file in first_files(wanted, version).write if file.kind]
    taken = all(seen.applied.get(file.kind) == file.version for file in files)
    return taken and seen.listening and seen.endpoints == frozenset(one.socket for one in wanted.endpoints)


def _bootstrap() -> File:
    content = _json(listener.bootstrap())
    return File("", f"{FOLDER}/bootstrap.json", _digest(content), _text(content))


def _endpoints(wanted: GatewayWanted) -> list[File]:
    units = sorted({work.unit for work in wanted.works})
    return [_file(f"{EDS}{unit}", [clusters.endpoints(unit, wanted.endpoints)]) for unit in units]


def _clusters(units: Iterable[str], wanted: GatewayWanted) -> File:
    foreign = {work.unit for work in wanted.works if work.server is not None}
    mine = [clusters.cluster(unit, foreign=unit in foreign) for unit in sorted(units)]
    return _file("cds", [*mine, clusters.control()])


def _last(wanted: GatewayWanted, version: str) -> tuple[File, ...]:
    readiness = listener.readiness(work.unit for work in wanted.works)
    return (
        _file("rds", [routes.routes(wanted.works, version, wanted.cors)]),
        _file("egress", [egress.routes(wanted.works, wanted.endpoints)]),
        _file("ecds", [readiness]),
    )


def _listeners(wanted: GatewayWanted) -> File:
    return _file("lds", [listener.listener(wanted.port, cors=wanted.cors is not None), egress.listener()])


def _file(kind: str, resources: list[Mapping[str, Any]]) -> File:
    content = _json(resources)
    version = _digest(content)
    text = _text(_json({"version_info": version, "resources": msgspec.Raw(content)}))
    return File(kind, kind_path(kind), version, text)


def _json(content: object) -> bytes:
    # On each trip all is rendered anew to see whether it is as it was: for hundreds of units, by a quick encoder.
    return msgspec.json.encode(content, order="deterministic")


def _text(content: bytes) -> str:
    return f"{msgspec.json.format(content, indent=1).decode()}\n"


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:16]
