"""One started system for all faults of one kind: starting is what takes long."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.journeys.services import FileType, Service, Tiny

KINDS = {"tiny": Tiny, "file-type": FileType}


@pytest.fixture(scope="module")
def running(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A running system: the service and the replicas that `request.param` names; stopped afterwards, come what may."""
    kind, _, replicas = request.param.rpartition("-")
    service = KINDS[kind](tmp_path_factory.mktemp(kind), int(replicas))
    with service.system as system:
        system.up()
        yield service


@pytest.fixture
def served(running: Service) -> Service:
    """The same, whole again whatever the last fault did to it."""
    running.system.until_ready()
    running.judge.expect(running.version)
    return running
