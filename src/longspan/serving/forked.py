"""What becomes of a child that a step forks?

It is a copy of the worker: it holds the slot's socket and every connection, and if it comes out of the step it would go
on as if it were the worker. A socket that a child keeps open swallows whoever connects after the worker has died, and
keeps those who were connected from seeing that it has. So a child lets go of them at once, and ends where it would
come back into our code. What it does within the step, and whatever it executes, is the step's own affair. (The lock
is a record lock: a child never has it.)

Only forks that Python makes are seen; a library that forks in C and does not execute anything keeps what it copied.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import stat
import threading
from collections.abc import Container

_ENDS = (signal.SIGTERM, signal.SIGINT)
_COPY = False


def guard(loop: asyncio.AbstractEventLoop, paths: Container[str]) -> None:
    """From now on children let go of sockets of these paths, on whichever end. Called once, on the loop."""
    thread, masks = threading.get_ident(), threading.local()

    def before() -> None:
        # One that comes while the child still has the worker's handlers waits until it has its own.
        masks.old = signal.pthread_sigmask(signal.SIG_BLOCK, _ENDS)

    def after() -> None:
        signal.pthread_sigmask(signal.SIG_SETMASK, masks.old)

    def in_child() -> None:
        global _COPY  # noqa: PLW0603 - the process itself is another one now
        _COPY = True
        # A signal that it gets would wake the worker's loop, which would take it for its own: SIGTERM, and leave.
        signal.set_wakeup_fd(-1)
        for number in _ENDS:
            signal.signal(number, signal.SIG_DFL)
        after()
        with contextlib.suppress(OSError):
            _let_go(paths)
        if threading.get_ident() == thread:
            # A child that waits for something would run the worker's loop: its first turn is its last.
            loop.call_soon(os._exit, 0)

    os.register_at_fork(before=before, after_in_parent=after, after_in_child=in_child)


def end_if_copy() -> None:
    """Where code of the user comes back to us: in a child, go no further."""
    if _COPY:
        os._exit(0)


def _let_go(paths: Container[str]) -> None:
    """Put nothing in the place of each such socket: the numbers stay taken, since objects of ours still know them."""
    nothing = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
    for name in os.listdir("/proc/self/fd"):
        descriptor = int(name)
        with contextlib.suppress(OSError):
            if stat.S_ISSOCK(os.fstat(descriptor).st_mode) and _leads_to(descriptor, paths):
                os.dup2(nothing, descriptor, inheritable=False)
    os.close(nothing)


def _leads_to(descriptor: int, paths: Container[str]) -> bool:
    one = socket.socket(fileno=descriptor)
    try:
        if one.family != socket.AF_UNIX:
            return False
        if one.getsockname() in paths:
            return True
        with contextlib.suppress(OSError):  # it listens, or was left
            return one.getpeername() in paths
        return False
    finally:
        one.detach()
