"""Sleep until something happens: a process died, somebody knocked, or the tick has come."""

from __future__ import annotations

import os
import select
import threading


class Waiter:
    """Wakes the one thread of the corridors. A knock carries no data; it only means "look now"."""

    def __init__(self) -> None:
        self._poll = select.poll()
        self._bell = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self._poll.register(self._bell, select.POLLIN)
        self._by_pid: dict[int, int] = {}
        self._by_descriptor: dict[int, int] = {}
        self._lock = threading.Lock()

    def watch(self, pid: int) -> None:
        """Wake when this process ends. Watching twice does no harm; one that is gone already is a knock."""
        with self._lock:
            if pid in self._by_pid:
                return
            try:
                descriptor = os.pidfd_open(pid)
            except OSError:
                self.knock()
                return
            self._by_pid[pid], self._by_descriptor[descriptor] = descriptor, pid
            self._poll.register(descriptor, select.POLLIN)

    def knock(self) -> None:
        """Wake now. Safe from any thread and from a signal handler."""
        os.eventfd_write(self._bell, 1)

    def wait(self, seconds: float) -> None:
        """Return at a knock, at a death, or after `seconds`."""
        for descriptor, _ in self._poll.poll(seconds * 1000):
            if descriptor == self._bell:
                os.eventfd_read(self._bell)
                continue
            with self._lock:
                self._poll.unregister(descriptor)
                del self._by_pid[self._by_descriptor.pop(descriptor)]
                os.close(descriptor)
