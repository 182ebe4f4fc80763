"""How a replica ended is told for a while, by who ended it where that is known."""

from __future__ import annotations

from msgspec.structs import replace

from longspan.capabilities.replicas.adapters.ends import TOLD_SECONDS, Ends
from longspan.system.records import Slot
from longspan.wire import exits

SLOT = Slot(unit="read", slot=1, replica="r1", generation=1, digest="d", since=0)


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_an_exit_code_of_ours_a_signal_and_an_end_by_control_are_told_in_words() -> None:
    ends = Ends(Clock())
    assert ends.ended(SLOT, exits.HUNG) == "exit code 124, it gave itself up since a step hung"
    assert ends.ended(SLOT, -11) == "signal 11 (Segmentation fault)"
    ends.because(SLOT, "hung: it has answered nothing")
    assert ends.ended(SLOT, -9) == "killed: hung: it has answered nothing"
    assert ends.ended(SLOT, -9) == "signal 9 (Killed)", "that reason was the other's"


def test_it_is_told_for_ten_minutes_and_until_the_slot_is_free() -> None:
    clock = Clock()
    ends = Ends(clock)
    ends.ended(SLOT, 3)
    clock.now = 40.0
    assert ends.recent() == {("read", 1): "exit code 3, 40 s ago"}
    clock.now = TOLD_SECONDS - 1
    assert ends.recent() == {("read", 1): "exit code 3, 10 min ago"}
    clock.now = TOLD_SECONDS
    assert ends.recent() == {}
    ends.ended(SLOT, 3)
    ends.forget(SLOT)
    assert ends.recent() == {}


def test_one_that_left_as_it_was_told_is_no_news() -> None:
    ends = Ends(Clock())
    assert ends.ended(replace(SLOT, stopping_at=1), 0) == "exit code 0"
    assert ends.recent() == {}
