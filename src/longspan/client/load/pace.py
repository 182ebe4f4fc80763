"""A timer of the kernel that an event loop can read.

The timers of an event loop are counted in whole milliseconds (libuv, and `epoll_wait` below asyncio):
at 5,000 requests/s they would send bursts of five, and at 300/s add up to a millisecond to what is
measured. A timerfd keeps the moment to some microseconds, at one small call for each.

Source: timerfd_create(2). `os.timerfd_create` exists from Python 3.13 on; the promise begins at 3.11.
"""

from __future__ import annotations

import ctypes
import os

_CLOCK_MONOTONIC = 1
_TFD_TIMER_ABSTIME = 1
_FLAGS = os.O_NONBLOCK | os.O_CLOEXEC
"""TFD_NONBLOCK and TFD_CLOEXEC are defined as these two."""


class _Timespec(ctypes.Structure):
    _fields_ = (("seconds", ctypes.c_long), ("nanoseconds", ctypes.c_long))


class _Itimerspec(ctypes.Structure):
    _fields_ = (("interval", _Timespec), ("first", _Timespec))


class Pace:
    """Readable from the moment that it waits for on (as `time.monotonic_ns`). Close it when done."""

    def __init__(self, first_ns: int) -> None:
        self._libc = ctypes.CDLL(None, use_errno=True)
        self.descriptor: int = self._libc.timerfd_create(_CLOCK_MONOTONIC, _FLAGS)
        if self.descriptor < 0:
            raise OSError(ctypes.get_errno(), "timerfd_create failed")
        self._spec = _Itimerspec()
        self._reference = ctypes.byref(self._spec)
        self.wait_until(first_ns)

    def wait_until(self, at_ns: int) -> None:
        """Be quiet until then; setting the timer takes the last tick away, so that nobody need read it."""
        self._spec.first.seconds, self._spec.first.nanoseconds = divmod(at_ns, 10**9)
        if self._libc.timerfd_settime(self.descriptor, _TFD_TIMER_ABSTIME, self._reference, None):
            raise OSError(ctypes.get_errno(), f"timerfd_settime refused {at_ns} ns")

    def close(self) -> None:
        """Give the descriptor back."""
        os.close(self.descriptor)
