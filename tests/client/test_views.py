"""Does a system look the same wherever it is shown, and is each thing that happens told once?"""

from __future__ import annotations

from dataclasses import replace

import pytest
from rich.console import Console

from longspan.client.messages import (
    ControlView,
    FailedView,
    GatewayView,
    GenerationView,
    ReplicaView,
    Status,
    StepView,
    UnitView,
)
from longspan.client.views import (
    crashing,
    headline,
    memory,
    never_served,
    news,
    progress,
    ready_count,
    serving,
    steps_table,
    troubles,
    unit_notes,
    units_table,
)

ONE = ReplicaView(slot=0, pid=11, state="ready", generation=3, restarts=0)
TWO = ReplicaView(slot=1, pid=None, state="crash-loop", generation=3, restarts=4, last_log=("a", "b"))
STATUS = Status(
    system="hello",
    generation=3,
    url="http://127.0.0.1:8080",
    control=ControlView(pid=7),
    gateway=GatewayView(pid=8, version="1.40.0"),
    units=(UnitView(name="flower", wanted=3, replicas=(ONE, TWO)),),
)

PENDING = GenerationView(number=4, parent=3, author="me", at="2026-01-01T00:00:00Z", state="pending", done=False)


def with_replicas(*replicas: ReplicaView, wanted: int = 1) -> Status:
    return replace(STATUS, units=(UnitView(name="flower", wanted=wanted, replicas=replicas),))


def text_of(*shown: object) -> list[str]:
    console = Console(width=120, file=None, record=True, quiet=False, markup=False)
    with console.capture() as captured:
        console.print(*shown)
    return [line.rstrip() for line in captured.get().splitlines()]


def test_the_table_has_a_line_for_each_replica_and_for_those_to_come() -> None:
    assert text_of(units_table(STATUS)) == [
        "unit     slot   state        pid   generation   restarts",
        "flower   0      ready        11    3            0",
        "flower   1      crash-loop   -     3            4",
        "flower   -      1 to start",
    ]


def test_memory_has_a_column_where_it_is_known() -> None:
    shown = text_of(units_table(with_replicas(replace(ONE, memory_bytes=300 << 20), replace(TWO, pid=None))))
    assert shown[0].endswith("restarts   memory")
    assert [line.rsplit("   ", 1)[1] for line in shown[1:]] == ["300 MiB", "-"]
    assert [memory(size) for size in (0, 5 << 20, 3 << 29)] == ["-", "5 MiB", "1.5 GiB"]


def test_what_a_unit_is_granted_and_why_it_has_that_many_is_a_line() -> None:
    plain = UnitView(name="a", wanted=1, replicas=())
    guarded = UnitView(
        name="read", wanted=3, replicas=(), reason="cpu 91%", cpu=2, memory_bytes=1 << 30,
        memory_guard="cgroup", memory_replaced=4, memory_trouble="each is as large again",
    )  # fmt: skip
    half = UnitView(name="b", wanted=1, replicas=(), cpu=0.5, memory_bytes=1 << 29, memory_guard="watched")
    one = UnitView(name="c", wanted=1, replicas=(), cpu=1)
    assert list(unit_notes(replace(STATUS, units=(plain, guarded, half, one)))) == [
        "read: 2 cores each; 1 GiB each (watched, and a hard limit); 4 replaced for their memory; 3 wanted: cpu 91%",
        "b: 0.5 cores each; 512 MiB each (watched)",
        "c: 1 core each",
    ]
    assert list(troubles(replace(STATUS, units=(guarded,)))) == ["read: each is as large again"]


def test_each_step_has_a_line_wherever_it_runs_and_no_column_is_empty() -> None:
    cut = StepView(
        service="read", name="cut", unit="read", count=20, errors=0, skipped=0, seconds=0.1, waiting=2, padding=0
    )
    letters = replace(cut, name="letters", unit="read.letters", count=0, padding=0.25, skipped=3)
    assert text_of(steps_table(replace(STATUS, steps=(cut,)))) == [
        "service   step   unit   runs   mean      waiting",
        "read      cut    read   20     5.00 ms   2",
    ]
    assert text_of(steps_table(replace(STATUS, steps=(cut, letters)))) == [
        "service   step      unit           runs   mean      waiting   padding   skipped",
        "read      cut       read           20     5.00 ms   2         -         0",
        "read      letters   read.letters   0      -         2         25%       3",
    ]


def test_the_headline_names_what_serves_and_who_holds_it() -> None:
    assert headline(STATUS).plain == "hello   generation 3   http://127.0.0.1:8080   control 7, gateway 8"
    pending = replace(STATUS, generation=None, pending=4, gateway=GatewayView(pid=None, version=""))
    assert headline(pending).plain == (
        "hello   no generation serves yet, 4 on its way   http://127.0.0.1:8080   control 7, gateway down"
    )


def test_troubles_are_the_failed_generation_and_the_last_words_of_what_crashed() -> None:
    assert list(troubles(replace(STATUS, failed=FailedView(generation=4, reason="it died")))) == [
        "generation 4 failed: it died",
        "last log lines of flower/1:",
        "    a",
        "    b",
    ]
    assert list(troubles(with_replicas(ONE))) == []


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (with_replicas(ONE), True),
        (with_replicas(ONE, replace(ONE, slot=1, state="draining")), True),
        (with_replicas(ONE, TWO, wanted=2), False),
        (replace(with_replicas(ONE), gateway=GatewayView(pid=None, version="")), False),
        (replace(STATUS, units=()), False),
    ],
)
def test_a_system_serves_when_all_that_is_wanted_is_ready_behind_a_gateway(status: Status, expected: bool) -> None:
    assert serving(status) is expected


def test_what_crashes_again_and_again_is_named_unless_a_new_generation_may_mend_it() -> None:
    assert crashing(STATUS) == "flower"
    assert crashing(with_replicas(ONE)) == ""
    assert crashing(replace(STATUS, pending=4)) == ""


def test_a_first_generation_that_failed_never_served() -> None:
    failed = replace(STATUS, generation=None, failed=FailedView(generation=1, reason="it died"))
    assert never_served(failed)
    assert not never_served(replace(failed, pending=2))
    assert not never_served(replace(failed, generation=1))
    assert not never_served(replace(failed, failed=None))


def test_replicas_that_are_not_ready_do_not_answer() -> None:
    assert ready_count(STATUS) == 1


@pytest.mark.parametrize(
    ("replicas", "text"),
    [
        ((ONE,), "generation 4: starting"),
        ((ONE, replace(ONE, slot=1, generation=4, state="starting")), "generation 4: 0 of 1 new replicas ready"),
        ((ONE, replace(ONE, slot=1, generation=4)), "generation 4: ready, settling"),
    ],
)
def test_progress_speaks_of_the_new_replicas_only(replicas: tuple[ReplicaView, ...], text: str) -> None:
    assert progress(with_replicas(*replicas), PENDING) == text


def test_after_the_verdict_progress_tells_who_leaves() -> None:
    assert progress(STATUS, replace(PENDING, state="failed")) == "generation 4: failed, its replicas leave"
    proved = "generation 4: proved, the old replicas finish what they answer"
    assert progress(STATUS, replace(PENDING, state="serving")) == proved


def test_at_first_sight_every_replica_is_news() -> None:
    assert list(news(None, STATUS)) == [
        "flower/0 ready (generation 3, pid 11)",
        "flower/1 crash-loop (generation 3, restarts 4)",
    ]


def test_the_same_status_twice_is_no_news() -> None:
    assert list(news(STATUS, STATUS)) == []


def test_log_lines_that_stood_there_before_are_not_told_again() -> None:
    starting = replace(ONE, state="starting", pid=None, last_log=("first",))
    dead = replace(ONE, state="dead", pid=None, restarts=2, last_log=("first", "second"))
    assert list(news(with_replicas(starting), with_replicas(dead))) == [
        "flower/0 dead (generation 3, restarts 2)",
        "    second",
    ]


def test_a_generation_is_not_said_to_serve_while_another_still_answers() -> None:
    before = replace(STATUS, in_force=3)
    decided = replace(before, generation=4)
    assert list(news(before, decided)) == []
    assert list(news(decided, replace(decided, in_force=4))) == ["generation 4 serves"]


def test_each_change_is_a_line() -> None:
    dead = replace(ONE, pid=None, state="dead", restarts=1, last_log=("out of luck",))
    after = replace(
        with_replicas(dead, replace(ONE, slot=2, generation=4, state="starting", pid=12)),
        gateway=GatewayView(pid=None, version="", trouble="port 8080 is in use"),
        failed=FailedView(generation=4, reason="it died"),
        generation=5,
        in_force=5,
    )
    assert list(news(STATUS, after)) == [
        "flower/0 dead (generation 3, restarts 1)",
        "    out of luck",
        "flower/2 starting (generation 4, pid 12)",
        "flower/1 stopped",
        "gateway ended",
        "gateway: port 8080 is in use",
        "generation 4 failed: it died",
        "generation 5 serves",
    ]


def test_how_the_last_process_of_a_slot_ended_is_told_beside_its_restarts() -> None:
    again = replace(ONE, restarts=1, ended="signal 9 (Killed), 4 s ago")
    assert list(unit_notes(with_replicas(again))) == ["flower/0 ended: signal 9 (Killed), 4 s ago"]
    assert list(news(with_replicas(replace(again, pid=12)), with_replicas(again))) == [
        "flower/0 ready (generation 3, pid 11, restarts 1, the last one ended: signal 9 (Killed), 4 s ago)"
    ]
