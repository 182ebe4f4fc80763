"""What cannot be done now is borne, and told when it begins and when it is over."""

from __future__ import annotations

import errno

import pytest

from longspan.base.errors import LongspanError
from longspan.system.troubles import FORGOTTEN_SECONDS, MAKE_ROOM, Troubles


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_it_is_told_once_and_again_when_it_is_over(caplog: pytest.LogCaptureFixture) -> None:
    clock = Clock()
    troubles = Troubles(clock)
    caplog.set_level("INFO")
    for _ in range(3):
        with troubles.borne("writing"):
            fail(OSError(errno.ENOSPC, "No space left on device"))
        clock.now += 2
    assert troubles
    with troubles.borne("reading"):
        pass
    with troubles.borne("writing"):
        pass
    assert not troubles
    assert caplog.messages == [
        f"writing: cannot be done: No space left on device. {MAKE_ROOM}",
        f"writing: done, after 6.0 s in which it could not be: No space left on device. {MAKE_ROOM}",
    ]


def test_another_reason_is_told_as_well(caplog: pytest.LogCaptureFixture) -> None:
    troubles = Troubles(Clock())
    for reason in ("one", "one", "another"):
        with troubles.borne("writing"):
            fail(LongspanError(reason))
    assert caplog.messages == ["writing: cannot be done: one", "writing: cannot be done: another"]


def test_one_that_nobody_meets_any_more_is_none() -> None:
    clock = Clock()
    troubles = Troubles(clock)
    with troubles.borne("starting what is not wanted any more"):
        fail(OSError())
    clock.now = FORGOTTEN_SECONDS
    assert not troubles


def test_what_is_a_fault_of_ours_is_not_borne() -> None:
    with pytest.raises(ZeroDivisionError), Troubles(Clock()).borne("counting"):
        fail(ZeroDivisionError())


def fail(error: Exception) -> None:
    raise error
