"""A server of somebody else's in the gateway: one that is there already, and one whose slot has a port."""

from __future__ import annotations

from msgspec.structs import replace

from longspan.base.signatures import Signature
from longspan.capabilities.replicas.decide import SECOND, Start, Trip, trip
from longspan.spec.units import Unit
from longspan.system.records import Endpoint, Wanted
from longspan.wire.orders import Limits, ServerWork, ServiceWork, StepWork, Work
from tests.capabilities.replicas.test_decide import NOW, endpoints, replica, want


def there(digest: str = "old", address: str = "127.0.0.1:9000", version: str = "v1") -> Wanted:
    service = ServiceWork(
        name="hello.far", version=version, inputs={}, outputs={}, steps=(), accepts={}, answers={}, limits=Limits(),
        internal=True,
    )  # fmt: skip
    server = ServerWork(model="far", address=address)
    work = Work(unit="hello.far", services=(service,), server=server)
    return Wanted(
        unit=Unit(work=work, digest=digest, replicas=1, ready_within_seconds=60, settle_seconds=10), generation=1
    )


FAR = Endpoint("hello.far", 0, "127.0.0.1:9000", "v1", "/v2/models/far")


def caller(version: str = "v1") -> Wanted:
    step = StepWork(
        name="far", unit="hello.far", version=version, foreign=True, repeatable=False, inputs={},
        signature=Signature({}, {}),
    )  # fmt: skip
    service = ServiceWork(
        name="hello", version="1", inputs={}, outputs={}, steps=(step,), accepts={}, answers={}, limits=Limits()
    )
    unit = want(replicas=1).unit
    return Wanted(unit=replace(unit, work=Work(unit="hello", services=(service,), calls=("hello.far",))), generation=1)


def test_a_server_that_is_there_already_is_never_started_and_always_in_the_gateway() -> None:
    assert trip([there()], [], frozenset(), NOW) == Trip((), (FAR,))
    assert trip([there(address="unix:/run/far.sock")], [], frozenset(), NOW).endpoints[0].socket == "/run/far.sock"


def test_who_calls_such_a_server_is_routed_once_the_gateway_knows_that_unit() -> None:
    both, seen = [there(), caller()], [replica(0)]
    assert trip(both, seen, frozenset(), NOW).endpoints == (FAR,)
    # The address alone may be that of another unit.
    assert trip(both, seen, frozenset({FAR.socket}), NOW).endpoints == (FAR,)
    known = trip(both, seen, frozenset({FAR.socket}), NOW, clusters=frozenset({"hello.far"}))
    assert known.endpoints == (*endpoints(0), FAR)
    assert trip(both, seen, frozenset(), NOW, afresh=True).endpoints == (*endpoints(0), FAR)


def test_two_generations_that_call_one_server_in_two_ways_both_reach_it() -> None:
    found = trip([there(), there("new", version="v2")], [], frozenset(), NOW).endpoints
    assert [(one.socket, one.version) for one in found] == [("127.0.0.1:9000", "v1"), ("127.0.0.1:9000", "v2")]


def test_a_slot_with_a_port_is_routed_by_that_port() -> None:
    (found,) = trip([want(replicas=1)], [replica(0, port=41001)], frozenset(), NOW).endpoints
    assert found.socket == "127.0.0.1:41001"


def test_what_replaces_a_process_that_died_keeps_its_port() -> None:
    gone = replica(0, "dead", died_at=NOW - SECOND, port=41001)
    (move,) = trip([want(replicas=1)], [gone], frozenset({"127.0.0.1:41001"}), NOW).moves
    assert isinstance(move, Start)
    assert move.slot.port == 41001
