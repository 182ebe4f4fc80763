"""What is safe to do with replicas now: the order of moves, restarts, and what a whole world of faults shows."""

from __future__ import annotations

from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from longspan.capabilities.gateway.decide.paths import EGRESS_SOCKET, FOLDER, PAGES_SOCKET
from longspan.capabilities.replicas.decide import (
    CALM,
    CRASH_LOOP_AT,
    SECOND,
    SPAWN_GRACE,
    Drain,
    Forget,
    Kill,
    Sight,
    Start,
    back_off,
    look,
    remembered,
    socket_of,
    trip,
)
from longspan.spec.sockets import LONGEST_UNIT, TAKEN
from longspan.spec.units import Unit
from longspan.system.records import Endpoint, Replica, ReplicaState, Slot, Wanted
from longspan.wire.orders import Identity, Work

NOW = 1_000 * SECOND


def want(digest: str = "old", replicas: int = 2, generation: int = 1) -> Wanted:
    unit = Unit(work=Work(unit="hello"), digest=digest, replicas=replicas, ready_within_seconds=60, settle_seconds=10)
    return Wanted(unit=unit, generation=generation)


def slot(number: int, digest: str = "old", **known: int | None) -> Slot:
    made = Slot(unit="hello", slot=number, replica=f"r{number}", generation=1, digest=digest, since=NOW - 60 * SECOND)
    return replace(made, **known)


def replica(number: int, state: ReplicaState = "ready", digest: str = "old", **known: int | None) -> Replica:
    gone = state in ("dead", "crash-loop")
    return Replica(slot=slot(number, digest, **known), state=state, pid=None if gone else 100 + number)


def routed(*numbers: int) -> frozenset[str]:
    return frozenset(socket_of("hello", number) for number in numbers)


def endpoints(*numbers: int) -> tuple[Endpoint, ...]:
    return tuple(Endpoint("hello", number, socket_of("hello", number)) for number in numbers)


def identity(name: str, state: str = "ready") -> Identity:
    return Identity(replica=name, unit="hello", generation=1, digest="old", build="1", pid=1, state=state)


# What is seen


def test_a_process_that_holds_the_lock_and_answers_as_itself_is_ready() -> None:
    assert look(slot(0), Sight(pid=7, identity=identity("r0")), NOW).state == "ready"


def test_a_process_that_answers_as_another_replica_is_not_ready() -> None:
    assert look(slot(0), Sight(pid=7, identity=identity("somebody")), NOW).state == "starting"


def test_a_ready_replica_that_is_too_busy_for_the_handshake_stays_ready() -> None:
    assert look(slot(0, ready_at=NOW - CALM), Sight(pid=7), NOW).state == "ready"


def test_a_spawned_process_without_a_lock_yet_is_starting_and_not_for_ever() -> None:
    young = slot(0, since=NOW - SPAWN_GRACE + 1)
    assert look(young, Sight(), NOW).state == "starting"
    assert look(young, Sight(), NOW + 1).state == "dead"
    assert look(young, Sight(child="gone"), NOW).state == "dead"
    # One that was ready had its lock: it is gone, though its death could not be written down.
    assert look(replace(young, ready_at=NOW - 1), Sight(), NOW).state == "dead"


def test_a_worker_that_was_told_to_drain_by_somebody_else_is_draining() -> None:
    assert look(slot(0, ready_at=1), Sight(pid=7, identity=identity("r0", "draining")), NOW).state == "draining"


def test_deaths_in_a_row_make_a_crash_loop_and_a_calm_time_ends_it() -> None:
    known = slot(0)
    for deaths in range(1, CRASH_LOOP_AT + 1):
        known = remembered(look(replace(known, died_at=None), Sight(child="gone"), NOW), NOW)
        assert known.quick_deaths == deaths
    assert look(known, Sight(child="gone"), NOW).state == "crash-loop"
    calm = replace(known, died_at=None, ready_at=NOW - CALM)
    assert remembered(look(calm, Sight(pid=7, identity=identity("r0")), NOW), NOW).quick_deaths == 0


def test_a_clock_that_was_set_back_keeps_nobody_waiting_until_it_is_there_again() -> None:
    ahead = NOW + 3600 * SECOND
    dead = replica(0, "dead", since=ahead, ready_at=ahead, died_at=ahead, quick_deaths=3)
    known = remembered(dead, NOW)
    assert (known.since, known.ready_at, known.died_at) == (NOW, NOW, NOW)
    later = NOW + back_off(3)
    assert [type(m) for m in trip([want(replicas=1)], [replace(dead, slot=known)], routed(), later).moves] == [Start]


def test_back_off_starts_at_nothing_grows_and_is_bounded() -> None:
    waits = [back_off(deaths) / SECOND for deaths in range(1, 40)]
    assert waits[:4] == [0, 0.5, 1, 2]
    assert waits == sorted(waits)
    assert waits[-1] == 30


# What is done


def test_an_empty_world_starts_what_is_wanted_in_the_lowest_slots() -> None:
    concluded = trip([want()], [], frozenset(), NOW)
    assert [move.slot.slot for move in concluded.moves if isinstance(move, Start)] == [0, 1]
    assert concluded.endpoints == ()


def test_nothing_moves_when_all_is_as_wanted() -> None:
    concluded = trip([want()], [replica(0), replica(1)], routed(0, 1), NOW)
    assert concluded.moves == ()
    assert concluded.endpoints == endpoints(0, 1)


def test_a_starting_replica_is_sent_nothing() -> None:
    assert trip([want()], [replica(0), replica(1, "starting")], routed(0), NOW).endpoints == endpoints(0)


def test_a_dead_replica_restarts_in_its_slot_at_once_and_keeps_its_place_at_the_gateway() -> None:
    concluded = trip(
        [want()], [replica(0), replica(1, "dead", died_at=NOW, restarts=1, quick_deaths=1)], routed(0, 1), NOW
    )
    (move,) = concluded.moves
    assert isinstance(move, Start)
    assert (move.slot.slot, move.slot.restarts, move.slot.died_at) == (1, 1, None)
    assert concluded.endpoints == endpoints(0, 1)


def test_one_that_somebody_else_told_to_drain_is_sent_requests_only_where_nobody_else_answers() -> None:
    alone = trip([want(replicas=1)], [replica(0, "draining")], routed(0), NOW)
    assert (alone.moves, alone.endpoints) == ((), endpoints(0))
    beside = trip([want()], [replica(0, "draining"), replica(1)], routed(0, 1), NOW)
    assert (beside.moves, beside.endpoints) == ((), endpoints(1))


def test_a_crash_loop_waits_for_its_back_off_and_is_sent_nothing() -> None:
    looping = replica(0, "crash-loop", died_at=NOW - SECOND // 2, quick_deaths=3)
    assert trip([want(replicas=1)], [looping], routed(0), NOW) == trip([want(replicas=1)], [looping], frozenset(), NOW)
    assert trip([want(replicas=1)], [looping], routed(0), NOW).moves == ()
    assert len(trip([want(replicas=1)], [looping], routed(0), NOW + SECOND).moves) == 1


def test_a_new_generation_starts_beside_the_old_one_in_the_next_slots() -> None:
    concluded = trip([want(), want("new", generation=2)], [replica(0), replica(1)], routed(0, 1), NOW)
    assert [move.slot.slot for move in concluded.moves if isinstance(move, Start)] == [2, 3]
    assert concluded.endpoints == endpoints(0, 1)


def test_old_and_new_are_both_sent_requests_until_the_old_is_wanted_no_more() -> None:
    seen = [replica(0), replica(1, digest="new")]
    assert trip([want(replicas=1), want("new", 1)], seen, routed(0), NOW).endpoints == endpoints(0, 1)
    assert trip([want("new", 1)], seen, routed(0, 1), NOW).endpoints == endpoints(1)


def test_what_is_wanted_no_more_is_drained_only_when_the_gateway_has_let_it_go() -> None:
    seen = [replica(0), replica(1, digest="new")]
    assert trip([want("new", 1)], seen, routed(0, 1), NOW).moves == ()
    assert trip([want("new", 1)], seen, routed(1), NOW).moves == (Drain(seen[0]),)


def test_a_draining_replica_is_left_alone_and_forgotten_when_it_is_gone() -> None:
    draining = replica(0, "draining", stopping_at=NOW)
    assert trip([], [draining], frozenset(), NOW).moves == ()
    gone = replica(0, "dead", stopping_at=NOW, died_at=NOW)
    assert trip([], [gone], frozenset(), NOW).moves == (Forget(gone.slot),)


def test_a_replica_that_is_not_ready_in_its_time_is_killed() -> None:
    late = replica(0, "starting", since=NOW - 61 * SECOND)
    (move,) = trip([want(replicas=1)], [late], frozenset(), NOW).moves
    assert isinstance(move, Kill)
    assert "60 s" in move.reason


def test_a_smaller_count_takes_away_what_does_not_serve_first() -> None:
    seen = [replica(0, "starting"), replica(1)]
    assert trip([want(replicas=1)], seen, routed(1), NOW).endpoints == endpoints(1)
    assert trip([want(replicas=1)], seen, routed(1), NOW).moves == (Drain(seen[0]),)


# A whole world


@dataclass
class Machine:
    """Processes, an Envoy that takes what it is told a trip later, and the ledger."""

    now: int = NOW
    slots: dict[int, Slot] = field(default_factory=dict)
    alive: dict[int, str] = field(default_factory=dict)
    ready: set[int] = field(default_factory=set)
    routed: frozenset[str] = frozenset()

    def sight(self, known: Slot) -> Sight:
        lives = self.alive.get(known.slot) == known.replica
        answers = lives and known.slot in self.ready
        return Sight(
            pid=100 + known.slot if lives else None,
            child="alive" if lives else "gone",
            identity=identity(known.replica) if answers else None,
        )

    def trip(self, wanted: list[Wanted]) -> None:
        seen = []
        for known in list(self.slots.values()):
            found = look(known, self.sight(known), self.now)
            self.slots[known.slot] = remembered(found, self.now)
            seen.append(replace(found, slot=self.slots[known.slot]))
        concluded = trip(wanted, seen, self.routed, self.now)
        for move in concluded.moves:
            match move:
                case Start(fresh, _):
                    assert fresh.slot not in self.alive, "two processes in one slot"
                    self.slots[fresh.slot] = replace(fresh, replica=f"{fresh.slot}-{self.now}")
                    self.alive[fresh.slot] = self.slots[fresh.slot].replica
                case Drain(gone):
                    assert socket_of("hello", gone.slot.slot) not in self.routed, "drained while it was sent requests"
                    self.alive.pop(gone.slot.slot)
                    self.ready.discard(gone.slot.slot)
                    self.slots[gone.slot.slot] = replace(gone.slot, stopping_at=self.now)
                case Kill(late, _):
                    self.kill(late.slot.slot)
                case Forget(known):
                    assert known.slot not in self.alive, "a living process was forgotten"
                    del self.slots[known.slot]
        self.routed = frozenset(endpoint.socket for endpoint in concluded.endpoints)
        self.now += SECOND

    def kill(self, number: int) -> None:
        self.alive.pop(number, None)
        self.ready.discard(number)

    def serving(self, digest: str) -> int:
        return sum(1 for n in self.ready if self.slots[n].digest == digest and socket_of("hello", n) in self.routed)


EVENTS = st.lists(
    st.one_of(
        st.tuples(st.just("ready"), st.integers(0, 7)),
        st.tuples(st.just("kill"), st.integers(0, 7)),
        st.tuples(st.just("want"), st.integers(0, 3)),
        st.tuples(st.just("trip"), st.integers(1, 4)),
    ),
    max_size=60,
)
GENERATIONS = [[want("a", 2)], [want("a", 2), want("b", 2)], [want("b", 1)], [want("b", 3)]]


@settings(max_examples=200)
@given(EVENTS)
def test_whatever_happens_the_world_converges_and_nobody_routed_is_drained(events: list[tuple[str, int]]) -> None:
    machine, wanted = Machine(), GENERATIONS[0]
    for kind, number in events:
        match kind:
            case "ready" if number in machine.alive:
                machine.ready.add(number)
            case "kill":
                machine.kill(number)
            case "want":
                wanted = GENERATIONS[number]
            case "trip":
                for _ in range(number):
                    machine.trip(wanted)
    for _ in range(50):  # a calm time, longer than the longest back-off
        machine.ready = set(machine.alive)
        machine.trip(wanted)
    for one in wanted:
        assert machine.serving(one.unit.digest) == one.unit.replicas
    assert len(machine.slots) == sum(one.unit.replicas for one in wanted)
    assert len(machine.routed) == len(machine.slots)


def test_no_unit_of_a_file_can_be_called_as_what_the_house_keeps_beside_the_units() -> None:
    ours = {EGRESS_SOCKET, PAGES_SOCKET, FOLDER}
    assert {f"run/{name}" for name in TAKEN} == ours


def test_the_kernel_takes_the_socket_of_the_longest_unit_that_a_file_may_have() -> None:
    path = f"{socket_of('u' * LONGEST_UNIT, 999)}.new"  # as `serving.slot` binds it
    assert len(path) <= 107
