"""A replica whose loop is blocked: asked where it is, then ended. Nobody else is ever taken for one."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from longspan.capabilities.replicas.decide import SECOND, Ask, Kill, Sight, Silence, conclude, listen
from longspan.capabilities.replicas.decide.silence import LEAST
from longspan.spec.units import Unit
from longspan.system.records import Replica, Sample, Slot, Wanted
from longspan.wire.load import Load
from longspan.wire.orders import Identity, Limits, ServiceWork, Work

NOW = 100_000 * SECOND
SERVICE = ServiceWork(
    name="hello", version="1", inputs={}, outputs={}, steps=(), accepts={}, answers={}, limits=Limits(time_seconds=30)
)
WANTED = Wanted(
    unit=Unit(
        work=Work(unit="hello", services=(SERVICE,)), digest="d", replicas=1, ready_within_seconds=60, settle_seconds=0
    ),
    generation=1,
)
SLOT = Slot(unit="hello", slot=0, replica="r0", generation=1, digest="d", since=NOW, ready_at=NOW)
REPLICA = Replica(slot=SLOT, state="ready", pid=100)
IDENTITY = Identity(replica="r0", unit="hello", generation=1, digest="d", build="1", pid=100, state="ready")


def page(cpu: float) -> Sample:
    load = Load(endpoints=(), steps=(), cpu_seconds=cpu, started=NOW, ready=True, connections=0)
    return Sample(unit="hello", slot=0, replica="r0", at=NOW, load=load)


class Watch:
    """Looks at one replica, time after time."""

    def __init__(self) -> None:
        self.now, self.silences = NOW, dict[str, Silence]()
        self.moves: list[Ask | Kill] = []

    def look(self, after: float, cpu: float, *, answers: bool = False, replica: Replica = REPLICA) -> Watch:
        self.now += int(after * SECOND)
        sights: Sequence[Sight] = [Sight(pid=100, identity=IDENTITY if answers else None)]
        heard = listen(self.silences, [replica], sights, [page(cpu)], self.now)
        self.silences, moves = conclude(heard, [replica], [WANTED])
        self.moves += moves
        return self

    def kinds(self) -> list[type]:
        return [type(move) for move in self.moves]


def test_a_silence_of_twice_the_time_limit_is_asked_about_once_and_then_ended() -> None:
    watch = Watch()
    for _ in range(121):  # the first look hears nothing yet: there is nothing before it
        watch.look(0.5, cpu=1.0)
    assert watch.moves == []
    watch.look(0.5, cpu=1.0).look(0.5, cpu=1.0)
    assert watch.kinds() == [Ask]
    watch.look(0.5, cpu=1.0)
    assert watch.kinds() == [Ask, Kill]
    assert watch.moves[-1].reason == "hung: it has answered nothing and written no load page for 61 s"


def test_a_page_that_is_written_or_an_answer_ends_the_silence() -> None:
    for last in ({"cpu": 1.1}, {"cpu": 1.0, "answers": True}):
        watch = Watch()
        for _ in range(100):
            watch.look(0.5, cpu=1.0)
        watch.look(0.5, **last)  # type: ignore[arg-type]
        for _ in range(100):
            watch.look(0.5, cpu=last["cpu"])
        assert watch.moves == []


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=59))
def test_a_control_that_slept_or_whose_clock_was_set_takes_nobody_for_hung(gaps: list[float]) -> None:
    watch = Watch()
    for gap in gaps:  # one look counts for a second at most, whatever the clock says
        watch.look(gap, cpu=1.0)
    assert watch.moves == []


def test_who_starts_or_has_no_page_of_its_own_is_not_listened_to() -> None:
    watch = Watch()
    young = Replica(slot=replace(SLOT, ready_at=None), state="starting", pid=100)
    other = Replica(slot=replace(SLOT, replica="r1"), state="ready", pid=100)
    gone = Replica(slot=SLOT, state="dead", pid=None)
    for replica in (young, other, gone):
        for _ in range(200):
            watch.look(0.5, cpu=1.0, replica=replica)
    assert watch.moves == []


def test_short_time_limits_do_not_make_control_impatient() -> None:
    limits = Limits(time_seconds=0.1)
    service = ServiceWork(
        name="hello", version="1", inputs={}, outputs={}, steps=(), accepts={}, answers={}, limits=limits
    )
    unit = Unit(work=Work(unit="hello", services=(service,)), digest="d", replicas=1, ready_within_seconds=60,
                settle_seconds=0)  # fmt: skip
    for silent, kinds in ((LEAST, []), (LEAST + 1, [Ask])):
        _, moves = conclude({"r0": Silence(NOW, 1.0, silent)}, [REPLICA], [Wanted(unit=unit, generation=1)])
        assert [type(move) for move in moves] == kinds
