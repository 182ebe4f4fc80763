"""The status page says what status says, and nothing that came from outside is markup."""

from __future__ import annotations

from dataclasses import replace

from longspan.capabilities.replicas.page import status_page
from longspan.client.messages import ControlView, FailedView, GatewayView, ReplicaView, Status, StepView, UnitView

REPLICA = ReplicaView(
    slot=0, pid=7, state="crash-loop", generation=2, restarts=3, last_log=("<script>alert(1)</script>",)
)
STATUS = Status(
    system="hello",
    generation=1,
    pending=2,
    url="http://127.0.0.1:8080",
    control=ControlView(pid=1),
    gateway=GatewayView(pid=2, version="1.40.0", trouble="port 8080 is in use"),
    units=(UnitView(name="hello", wanted=1, replicas=(REPLICA,)),),
    failed=FailedView(generation=2, reason="a & b"),
)


def test_the_page_shows_units_states_and_what_failed() -> None:
    page = status_page(STATUS)
    for shown in (
        "generation 1",
        "2 is on its way",
        "crash-loop",
        "0 ready, 1 wanted",
        "a &amp; b",
        "1.40.0",
        "gateway: port 8080 is in use",
    ):
        assert shown in page


def test_the_page_shows_each_step_what_a_unit_is_granted_and_why_there_are_that_many() -> None:
    step = StepView(
        service="read", name="letters", unit="read.letters", count=2000, errors=0, skipped=7, seconds=9.0, waiting=5,
        padding=0.25,
    )  # fmt: skip
    one = ReplicaView(slot=0, pid=7, state="ready", generation=1, restarts=0, memory_bytes=300 << 20)
    unit = UnitView(
        name="read.letters", wanted=1, replicas=(one,), reason="p < 1 & calm", cpu=2, memory_bytes=1 << 30,
        memory_guard="watched",
    )  # fmt: skip
    page = status_page(replace(STATUS, units=(unit,), steps=(step,)))
    for shown in (
        "2,000",
        "4.50 ms",
        "25%",
        "300 MiB",
        "2 cores each",
        "1,024 MiB each, watched",
        "p &lt; 1 &amp; calm",
    ):
        assert shown in page
    assert "<h2>Steps</h2>" not in status_page(STATUS)


def test_log_lines_are_text() -> None:
    assert "<script>" not in status_page(STATUS)
    assert "&lt;script&gt;" in status_page(STATUS)
