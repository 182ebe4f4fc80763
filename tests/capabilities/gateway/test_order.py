"""Which files may be written now? Envoy is played by a dictionary that takes files when it pleases."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from longspan.capabilities.gateway.decide import File, first_files, in_force, next_files
from longspan.system.records import GatewaySeen, GatewayWanted
from tests.capabilities.gateway.works import VERSION, apart, endpoint, wanted, work

UNITS = ("a", "b", "b.c")


class Taken:
    """What an Envoy has taken so far, and what lies on the disk for it to take."""

    def __init__(self, first: GatewayWanted) -> None:
        self.disk = {file.kind: file for file in first_files(first, VERSION).write}
        self.applied = dict(self.disk)

    def take(self, kinds: set[str]) -> None:
        for kind in sorted(kinds & self.disk.keys()):
            self.applied[kind] = self.disk[kind]
        # A cluster reads its endpoints when it appears; without it nobody does.
        for unit in UNITS:
            kind = f"eds/{unit}"
            if unit not in self.clusters:
                self.applied.pop(kind, None)
            elif kind not in self.applied:
                self.applied[kind] = self.disk[kind]

    @property
    def clusters(self) -> set[str]:
        return {cluster["name"] for cluster in _resources(self.applied["cds"]) if cluster["type"] == "EDS"}

    @property
    def used(self) -> set[str]:
        hosts = [host for kind in ("rds", "egress") for host in _resources(self.applied[kind])[0]["virtual_hosts"]]
        routes = {route["route"]["cluster"] for host in hosts for route in host["routes"] if "route" in route}
        ready = _resources(self.applied["ecds"])[0]["typed_config"]["cluster_min_healthy_percentages"]
        return (routes | set(ready)) - {"_control"}

    def seen(self) -> GatewaySeen:
        endpoints = {
            one["endpoint"]["address"]["pipe"]["path"]
            for unit in self.clusters
            for group in _resources(self.applied[f"eds/{unit}"])[0]["endpoints"]
            for one in group["lb_endpoints"]
        }
        return GatewaySeen(
            pid=1,
            version="1.40.0",
            listening=True,
            applied={kind: file.version for kind, file in self.applied.items() if kind},
            endpoints=frozenset(endpoints),
        )

    def trip(self, wish: GatewayWanted) -> bool:
        """Write what may be written; was anything?"""
        step = next_files(wish, self.seen(), VERSION)
        before = dict(self.disk)
        self.disk |= {file.kind: file for file in step.write}
        for kind in [kind for kind in self.disk if kind.startswith("eds/")]:
            if kind.removeprefix("eds/") not in step.keep:
                del self.disk[kind]
        return before != self.disk


def _resources(file: File) -> list[Mapping[str, Any]]:
    resources: list[Mapping[str, Any]] = json.loads(file.text)["resources"]
    return resources


wishes = st.builds(
    lambda units, slots: wanted(
        *(apart(unit) if "." in unit else work(unit) for unit in sorted(units)),
        endpoints=tuple(
            endpoint(unit, slot, "v" if "." in unit else "") for unit in sorted(units) for slot in sorted(slots)
        ),
    ),
    st.sets(st.sampled_from(UNITS)),
    st.sets(st.integers(0, 2)),
)
kinds = st.sets(st.sampled_from(("cds", "rds", "egress", "ecds", "lds", *(f"eds/{unit}" for unit in UNITS))))


@given(wishes, st.lists(st.tuples(wishes, st.lists(kinds, max_size=4)), max_size=4))
def test_no_request_is_ever_routed_to_a_cluster_that_is_not_there(
    first: GatewayWanted, changes: list[tuple[GatewayWanted, list[set[str]]]]
) -> None:
    envoy, wish = Taken(first), first
    for wish, moments in changes:
        for taken in moments:
            envoy.trip(wish)
            envoy.take(taken)
            assert envoy.used <= envoy.clusters
            assert {f"eds/{unit}" for unit in envoy.clusters} <= envoy.disk.keys()
    trips = 0
    while not in_force(wish, envoy.seen(), VERSION):
        envoy.trip(wish)
        envoy.take(set(envoy.disk))
        assert envoy.used <= envoy.clusters
        trips += 1
        assert trips <= 4
    assert envoy.clusters == {work.unit for work in wish.works}
    envoy.trip(wish)  # the last files of endpoints go
    assert not envoy.trip(wish)


def test_an_endpoint_comes_and_goes_by_one_file() -> None:
    one, two = (wanted(work("a"), endpoints=tuple(endpoint("a", slot) for slot in range(n))) for n in (1, 2))
    envoy = Taken(one)
    assert envoy.trip(two)
    changed = {kind for kind, file in envoy.disk.items() if envoy.applied.get(kind) != file}
    assert changed == {"eds/a"}


def test_what_is_in_force_is_told_by_versions_listening_and_endpoints() -> None:
    wish = wanted(work("a"), endpoints=(endpoint("a"),))
    seen = Taken(wish).seen()
    assert in_force(wish, seen, VERSION)
    assert not in_force(wish, GatewaySeen(pid=None), VERSION)
    assert not in_force(wanted(work("a")), seen, VERSION)
    assert not in_force(wish, seen, "0.2.0")


def test_equal_wishes_give_equal_bytes_whatever_the_order_of_endpoints() -> None:
    both = (endpoint("a", 0), endpoint("a", 1))
    assert first_files(wanted(work("a"), endpoints=both), VERSION) == first_files(
        wanted(work("a"), endpoints=both[::-1]), VERSION
    )
