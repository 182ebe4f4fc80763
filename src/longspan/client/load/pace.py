"""A periodic timer of the kernel that an event loop can read.

The timers of an event loop are counted in whole milliseconds (libuv, and `epoll_wait` below asyncio):
at 5,000 requests/s they would send bursts of five, and at 300/s add up to a millisecond to what is
measured. A timerfd keeps the period to some microseconds, at one small read a tick.

Source: timerfd_create(2). `os.timerfd_create` exists from Python 3.13 on; the promise begins at 3.11.
"""

from __future__ import annotations

import contextlib
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
    """Readable at `first_ns` (as `time.monotonic_ns`), and then every `period_ns`. Close it when done."""

    def __init__(self, first_ns: int, period_ns: int) -> None:
        libc = ctypes.CDLL(None, use_errno=True)
        self.descriptor: int = libc.timerfd_create(_CLOCK_MONOTONIC, _FLAGS)
        if self.descriptor < 0:
            raise OSError(ctypes.get_errno(), "timerfd_create failed")
        spec = _Itimerspec(_Timespec(*divmod(period_ns, 10**9)), _Timespec(*divmod(first_ns, 10**9)))
        if libc.timerfd_settime(self.descriptor, _TFD_TIMER_ABSTIME, ctypes.byref(spec), None):
            os.close(self.descriptor)
            raise OSError(ctypes.get_errno(), f"timerfd_settime refused a period of {period_ns} ns")

    def clear(self) -> None:
        """Take the tick, so that the descriptor is quiet until the next one."""
        with contextlib.suppress(BlockingIOError):
            os.read(self.descriptor, 8)

    def close(self) -> None:
        """Give the descriptor back."""
        os.close(self.descriptor)
