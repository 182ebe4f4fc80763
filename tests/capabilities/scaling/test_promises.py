"""What holds under any load: the count settles, keeps to its bounds, and never moves for want of knowing."""

from __future__ import annotations

import math
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from longspan.capabilities.scaling.decide import Seen, State, step
from longspan.spec.scaling import Policy
from tests.capabilities.scaling.worlds import NOON, World, queue, seen

QUICK = settings(max_examples=25, deadline=None)

shares = st.floats(0.05, 1.0)


@st.composite
def policies(draw: st.DrawFn) -> Policy:
    """Policies with short windows, so that a whole life takes a few hundred ticks."""
    least = draw(st.integers(1, 4))
    panic = draw(st.integers(1, 4))
    signals = draw(st.sets(st.sampled_from(["cpu", "in_flight", "queue_wait"]), min_size=1))
    return Policy(
        min=least,
        max=draw(st.integers(least, 12)),
        cpu=draw(shares) if "cpu" in signals else None,
        in_flight=float(draw(st.integers(1, 20))) if "in_flight" in signals else None,
        queue_wait_seconds=draw(st.floats(0.001, 2.0)) if "queue_wait" in signals else None,
        panic_seconds=float(panic),
        stable_seconds=float(draw(st.integers(panic, 8))),
        calm_seconds=float(draw(st.integers(1, 10))),
        grow=draw(st.integers(1, 12)),
        shrink=draw(st.integers(1, 12)),
    )


@QUICK
@given(policies(), st.data())
def test_under_a_load_that_stays_the_same_the_count_comes_to_rest(policy: Policy, data: st.DataObject) -> None:
    # No formula: at each count the signals are whatever they are, but always the same.
    signals = st.tuples(st.floats(0, 2), st.floats(0, 300), st.floats(0, 5), st.none() | st.floats(0, 3))
    shown = data.draw(st.lists(signals, min_size=policy.max, max_size=policy.max))
    rate = data.draw(st.floats(0.1, 500))

    def show(ready: int, at: float) -> Seen:
        cpu, in_flight, wait, service = shown[max(0, ready - 1)]
        return seen(ready, at=at, arrivals=rate, cpu=cpu, in_flight=in_flight, queue_wait=wait, service=service)

    count = data.draw(st.integers(policy.min, policy.max))
    world = World(policy, show, count=count, start=data.draw(st.integers(0, 3))).run(800)
    assert not [tick for tick, _, _ in world.changes if tick > 500], world.counts()


@QUICK
@given(policies(), st.floats(0.1, 400), st.floats(0.001, 0.2))
def test_a_queue_of_constant_rate_is_given_what_it_needs_and_no_more_turns(
    policy: Policy, rate: float, service: float
) -> None:
    world = World(policy, queue(lambda _: rate, service), count=policy.min).run(300)
    settled = world.count
    assert world.run(100).count == settled


garbage = st.none() | st.floats() | st.floats(0, 1) | st.sampled_from([-1.0, 1e300, math.nan, math.inf])
noise = st.builds(
    Seen,
    at=st.integers(-(10**20), 10**20),
    span=st.floats(-10, 100) | st.sampled_from([0.0, 1.0, 1.0, 1.0, math.nan, math.inf]),
    wanted=st.integers(0, 70),
    ready=st.integers(0, 70),
    pages=st.integers(0, 70),
    arrivals=garbage,
    refused=garbage,
    cpu=garbage,
    in_flight=garbage,
    queue_wait=garbage,
    service=garbage,
    p95=garbage,
)


@settings(max_examples=60, deadline=None)
@given(policies(), st.lists(noise | st.none(), max_size=30), st.integers(1, 64))
def test_the_count_stays_within_its_bounds_whatever_is_seen(
    policy: Policy, load: list[Seen | None], count: int
) -> None:
    state = State()
    for one in load:
        before = count
        state, decision = step(state, one, policy, count)
        count = decision.replicas
        assert policy.min <= count <= policy.max or count == before
        assert decision.reason


@QUICK
@given(policies(), st.integers(1, 12), st.lists(st.floats(0, 1.5), min_size=1, max_size=40))
def test_no_load_never_grows(policy: Policy, count: int, cpu: list[float]) -> None:
    count = min(max(count, policy.min), policy.max)
    world = World(
        policy,
        lambda ready, at: seen(ready, at=at, arrivals=0.0, in_flight=0.0, queue_wait=0.0, cpu=cpu[int(at) % len(cpu)]),
        count=count,
    ).run(100)
    assert all(decision.replicas < before for _, before, decision in world.changes)
    assert world.count == policy.min


@QUICK
@given(policies(), st.integers(1, 12), st.integers(1, 10), st.data())
def test_a_missing_signal_never_takes_a_replica_away(
    policy: Policy, count: int, every: int, data: st.DataObject
) -> None:
    count = min(max(count, policy.min), policy.max)
    missing = data.draw(st.sampled_from(["pages", "cpu", "arrivals", "in_flight", "queue_wait", "all"]))
    # Once within any calm time.
    every = min(every, max(1, int(policy.calm_seconds)))

    def show(ready: int, at: float) -> Seen:
        if at % every:
            return seen(ready, at=at, arrivals=1.0, cpu=0.0, in_flight=0.0)
        if missing == "all":
            return Seen(at=NOON, span=1.0, wanted=ready, ready=ready, pages=0)
        given_up = {"pages": ready - 1} if missing == "pages" else {missing: None}
        return seen(ready, at=at, **{"arrivals": 1.0, "cpu": 0.0, "in_flight": 0.0, **given_up})  # type: ignore[arg-type]

    assert World(policy, show, count=count).run(100).changes == []


@QUICK
@given(policies(), st.lists(st.integers(-(10**6), 10**6), min_size=1, max_size=20), st.floats(0, 100))
def test_a_clock_that_jumps_changes_no_decision(policy: Policy, jumps: list[int], rate: float) -> None:
    show = queue(lambda at: rate if at % 40 < 20 else 1.0)

    def jumping(ready: int, at: float) -> Seen:
        one = show(ready, at)
        return Seen(**{f: getattr(one, f) for f in one.__struct_fields__} | {"at": NOON + jumps[int(at) % len(jumps)]})

    even, odd = World(policy, show, count=policy.min).run(120), World(policy, jumping, count=policy.min).run(120)
    assert [(tick, d.replicas, d.reason) for tick, _, d in even.changes] == [
        (tick, d.replicas, d.reason) for tick, _, d in odd.changes
    ]


@QUICK
@given(policies(), st.lists(noise, max_size=20))
def test_the_same_is_decided_of_the_same(policy: Policy, load: list[Seen]) -> None:
    def told() -> list[str]:
        state, count, found = State(), policy.min, []
        for one in load:
            state, decision = step(state, one, policy, count)
            count = decision.replicas
            found.append(decision.reason)
        return found

    assert told() == told()


@QUICK
@given(policies(), st.lists(st.integers(1, 60), min_size=1, max_size=8))
def test_rates_of_change_are_kept(policy: Policy, loads: list[int]) -> None:
    world = World(
        policy, lambda ready, at: seen(ready, at=at, in_flight=9.0 * loads[int(at / 15) % len(loads)]), start=0
    )
    world.count = world._ready = policy.min
    counts = [policy.min]
    for _ in range(150):
        world.tick()
        counts.append(world.count)
    calm = int(policy.calm_seconds)
    for at, now in enumerate(counts):
        assert now >= max(counts[max(0, at - calm) : at + 1]) - policy.shrink
    assert all(later - earlier <= policy.grow for earlier, later in pairwise(counts))


@settings(max_examples=10, deadline=None)
@given(policies(), st.lists(st.tuples(st.integers(0, 9), st.floats(0.1, 3.0)), min_size=50, max_size=400))
def test_what_is_remembered_is_bounded(policy: Policy, load: list[tuple[int, float]]) -> None:
    state = State()
    for ready, span in load * 3:
        state, _ = step(state, seen(ready, span=span), policy, policy.min)
    assert len(state.window.fresh) <= 242
    assert len(state.window.blocks) <= 242
    assert len(state.lessons) <= policy.max
