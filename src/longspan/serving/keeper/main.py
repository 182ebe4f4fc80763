"""From orders to exit: hold the slot, start the server, wait until it is ready and fits, stand for it, drain it.

Everything before `publish` may fail and then exits 1 with one message. A server that ends takes its keeper with it,
which exits as it did. SIGTERM drains and exits 0; a second one, or SIGINT, ends all at once. SIGHUP is ignored, and a
parent that dies is no reason to go.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import socket
from collections.abc import Sequence
from time import monotonic, time_ns

from longspan.base.errors import LongspanError
from longspan.serving import slot
from longspan.serving.keeper import tree
from longspan.serving.keeper.asking import Readiness
from longspan.serving.keeper.connections import opened
from longspan.serving.keeper.door import Door
from longspan.serving.keeper.pulse import LEAST_SECONDS, Pulse
from longspan.serving.keeper.server import Server
from longspan.serving.keeper.told import event
from longspan.serving.received import identity, read_orders
from longspan.wire.load import LoadPage
from longspan.wire.load.layout import CPU_NANOSECONDS, MEMORY, READY, STARTED
from longspan.wire.orders import Orders, ServerWork

SHORTEST_PAUSE, LONGEST_PAUSE = 0.01, 0.25
"""Seconds between two questions to a server that is not ready."""
TURN_SECONDS = 1.0
"""Longest pause between two looks at one that serves."""
LOOK_SECONDS = 0.02
"""Between two looks at the connections of one that drains."""
LEAVING_SECONDS = 10.0
"""So long a server may take to end after SIGTERM, when nobody is connected any more."""
MORE_PATIENCE_SECONDS = 3.0
_LONGEST_PATH = 100
"""Bytes of a socket's path. The kernel takes 107; some servers add a suffix of their own."""


def run(orders_path: str) -> int:
    """Keep the server that `orders_path` describes. Returns the exit code."""
    os.umask(0o077)
    try:
        orders = read_orders(orders_path)
        work = orders.work.server
        if work is None or not work.command:
            raise LongspanError("orders no server to be started", at=orders_path)
        slot.take(orders.lock)
        return Keeper(orders, work).keep()
    except LongspanError as error:
        event("error", str(error))
        return 1


class Keeper:
    """One replica, as long as it lives. Holds the slot already."""

    def __init__(self, orders: Orders, work: ServerWork) -> None:
        self._orders = orders
        self._told = Told()
        self._page = LoadPage.create(orders.load, (), ())
        self._pace = tree.Pace()
        self._new = f"{orders.socket}.new"
        self._door: Door | None = None
        for left in (self._new, keeper_socket(orders.socket)):
            with contextlib.suppress(FileNotFoundError):
                os.unlink(left)
        here = os.stat(".")
        mark = f"{here.st_dev:x}.{here.st_ino:x}/{orders.work.unit}/{orders.slot}"
        if count := tree.sweep(mark):
            event("warning", f"ended {count} processes that were left of the last server in this slot")
        self._page.slots[self._page.process + STARTED] = time_ns()
        self._address = f"127.0.0.1:{orders.port}" if work.port else _path(self._new)
        self._server = Server(
            [_filled(part, self._address, orders.port) for part in work.command],
            orders.code_path or ".",
            os.environ | {tree.MARK: mark} | _where(self._address, orders.port),
        )
        [step] = orders.work.services[0].steps
        self._readiness = Readiness(self._address, work, step.signature)
        self._time_limit = orders.work.services[0].limits.time_seconds
        # Where callers reach it, not where it has bound: that name is gone once it is ready.
        self._pulse = Pulse(self._address if work.port else orders.socket, max(LEAST_SECONDS, 2 * self._time_limit))

    def keep(self) -> int:
        """Until the server ends, or is told to. Returns the exit code."""
        try:
            if not self._until_ready():
                return 0
            self._serve()
            self._pulse.close()
            if self._told.leave == 1 and self._server.status is None:
                return self._drain()
        finally:
            self._server.kill()
            self._withdraw()
        if self._told.leave:
            return 128 + signal.SIGTERM
        event("error", f"the server ended: {self._server.words()}")
        return _exit_code(self._server.status or 0)

    def _until_ready(self) -> bool:
        """False when it was told to go first. Raises `LongspanError` when it will never be ready."""
        begun, pause = monotonic(), SHORTEST_PAUSE
        say_at = begun + 1.0
        while lacking := self._readiness.lacking():
            if self._server.ended():
                stays = "; it must stay in the foreground" if self._server.status == 0 else ""
                raise LongspanError(f"the server ended before it was ready: {self._server.words()}{stays}")
            if self._told.leave:
                return False
            if monotonic() >= say_at:
                event("warning", f"not ready after {monotonic() - begun:.0f} s: {lacking}")
                say_at = monotonic() + (monotonic() - begun)
            self._told.wait(pause)
            pause = min(LONGEST_PAUSE, pause * 1.5)
        if not self._orders.port:
            os.chmod(self._new, 0o600)
            os.rename(self._new, self._orders.socket)
        self._door = Door(keeper_socket(self._orders.socket), identity(self._orders))
        self._write_page(ready=True)
        unit, generation = self._orders.work.unit, self._orders.generation
        pids = f"pid {os.getpid()}, server pid {self._server.pid}"
        event("info", f"{unit} slot {self._orders.slot} is ready: generation {generation}, {pids}")
        return True

    def _serve(self) -> None:
        while not (self._told.leave or self._server.ended()):
            self._turn(TURN_SECONDS, self._pulse.descriptors())
            if not self._pulse.step():
                raise LongspanError(f"the server hangs: it has answered nothing for {self._pulse.silent_seconds:.0f} s")
            if self._pace.due():
                self._write_page(ready=True)

    def _turn(self, seconds: float, more: Sequence[int] = ()) -> None:
        assert self._door is not None
        self._told.wait(seconds, [*self._door.descriptors(), *more])
        self._door.step()

    def _drain(self) -> int:
        """Wait until nobody is connected, take the name away, hear out who came meanwhile, tell it to go."""
        event("info", "draining")
        assert self._door is not None
        self._door.drain()
        self._write_page(ready=False)
        until = monotonic() + self._time_limit + MORE_PATIENCE_SECONDS
        self._quiet(until)
        self._withdraw()
        self._quiet(until)
        if self._server.status is None and (left := opened(self._address)):
            event("warning", f"{left} connections are still open; leaving without them")
        self._server.signal(signal.SIGTERM)
        until = monotonic() + LEAVING_SECONDS
        while not self._server.ended() and self._told.leave == 1 and monotonic() < until:
            self._turn(LOOK_SECONDS)
        if self._server.status is not None:
            event("info", f"drained; the server ended: {self._server.words()}")
        elif self._told.leave == 1:
            event("warning", f"the server did not end within {LEAVING_SECONDS:g} s of SIGTERM: killed")
        self._door.close()
        return 0

    def _quiet(self, until: float) -> None:
        while not self._server.ended() and self._told.leave == 1 and opened(self._address) and monotonic() < until:
            self._turn(LOOK_SECONDS)
            if self._pace.due():
                self._write_page(ready=False)

    def _withdraw(self) -> None:
        paths = (self._new,) if self._orders.port else (self._orders.socket, self._new)
        for path in paths:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(path)

    def _write_page(self, *, ready: bool) -> None:
        begun = monotonic()
        slots, at = self._page.slots, self._page.process
        slots[at + CPU_NANOSECONDS], slots[at + MEMORY] = self._server.tree.usage()
        slots[at + READY] = int(ready)
        self._pace.looked(monotonic() - begun)


class Told:
    """What signals have said, and the one place where a keeper waits."""

    def __init__(self) -> None:
        self.leave = 0
        """How often it was told to go."""
        self._ear, mouth = socket.socketpair()
        self._ear.setblocking(False)
        mouth.setblocking(False)
        self._mouth = mouth  # kept open for as long as signals may come
        signal.set_wakeup_fd(mouth.fileno(), warn_on_full_buffer=False)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, lambda *_: self._go(1))
        signal.signal(signal.SIGINT, lambda *_: self._go(2))
        signal.signal(signal.SIGCHLD, lambda *_: None)

    def _go(self, more: int) -> None:
        self.leave += more

    def wait(self, seconds: float, descriptors: Sequence[int] = ()) -> None:
        """Until a signal comes, one of `descriptors` can be read, or the time has passed."""
        poll = select.poll()
        for descriptor in (self._ear.fileno(), *descriptors):
            poll.register(descriptor, select.POLLIN)
        poll.poll(seconds * 1000)
        with contextlib.suppress(BlockingIOError):
            self._ear.recv(4096)


def keeper_socket(path: str) -> str:
    """Where the keeper of the slot with this socket answers the handshake."""
    return f"{path.removesuffix('.sock')}.keeper.sock"


def _path(relative: str) -> str:
    """The path that the server binds: good from any folder, and short enough for the kernel wherever the state is."""
    whole = os.path.abspath(relative)
    return whole if len(os.fsencode(whole)) <= _LONGEST_PATH else f"/proc/{os.getpid()}/cwd/{relative}"


def _filled(part: str, address: str, port: int) -> str:
    return part.replace("{port}", str(port)) if port else part.replace("{socket}", address)


def _where(address: str, port: int) -> dict[str, str]:
    return {"LONGSPAN_PORT": str(port)} if port else {"LONGSPAN_SOCKET": address}


def _exit_code(status: int) -> int:
    return status if status >= 0 else 128 - status
