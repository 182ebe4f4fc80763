"""From orders to exit: hold the slot, load, warm up, listen, serve, drain.

Everything before `publish` may fail and then exits 1 with one message: the slot's socket has not changed, so
nobody was promised anything. SIGTERM drains and exits 0; a second one, or SIGINT, exits at once. SIGHUP is
ignored, and a parent that dies is no reason to go: control comes back and adopts its workers.
"""

from __future__ import annotations

import asyncio
import faulthandler
import gc
import os
import signal
import sys
import threading
from time import monotonic_ns, sleep, time_ns

import msgspec
import uvloop

from longspan.base.errors import LongspanError
from longspan.serving import assemble, forked, guard, logs, routes, slot
from longspan.serving.admission import Budget, Door
from longspan.serving.deaths import Deaths
from longspan.serving.egress import Caller
from longspan.serving.noted import Noted, take_over
from longspan.serving.pages import Pages
from longspan.serving.protocol import Connection
from longspan.serving.received import identity, read_orders
from longspan.serving.worker import Worker, patience
from longspan.wire.orders import Orders

LEAST_BUDGET = 256 << 20
LARGEST_BODIES = 4
"""Memory for bodies being received or worked for: this many of the largest, and at least `LEAST_BUDGET`."""
LAST_SECONDS = 3.0
"""For threads and exit handlers of steps, when all else is done."""
MOST_SECRETS = 1 << 20


def run(orders_path: str, secrets: int | None) -> int:
    """Be the worker that `orders_path` describes. `secrets`: descriptor of their JSON object. Returns the exit code."""
    os.umask(0o077)
    faulthandler.enable()
    # A step that computes in Python gives way to the loop after this: with the 5 ms of the default, each refusal of a
    # flood waits as long.
    sys.setswitchinterval(0.001)
    faulthandler.register(signal.SIGQUIT)  # where all threads are, to the log, whatever they hold
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    logs.install()
    loop = uvloop.new_event_loop()
    code = 1
    try:
        values = _read_secrets(secrets)
        orders = read_orders(orders_path)
        code = loop.run_until_complete(_serve(orders, values))
    except LongspanError as error:
        logs.event("error", str(error))
    sys.stdout.flush()
    _end_by_force(code)
    return code


def _end_by_force(code: int) -> None:
    """Threads that a step has left behind are waited for at the end, but not for ever: they hold the slot."""

    def end() -> None:
        sleep(LAST_SECONDS)
        logs.event("warning", "a thread of a step still runs; leaving without it")
        os._exit(code)

    threading.Thread(target=end, daemon=True).start()


async def _serve(orders: Orders, secrets: dict[str, str]) -> int:
    """The exit code."""
    slot.take(orders.lock)
    # Before anything can be late or fail: who was under way here when the last process died is asked for at once.
    noted = _take_over(orders)
    if orders.code_path:
        sys.path.insert(0, orders.code_path)
    work = orders.work
    services = [s.limits.call_bytes if s.internal else s.limits.body_bytes for s in work.services]
    largest = max(work.limits.body_bytes, *services, 0)
    door, budget = Door(), Budget(max(LEAST_BUDGET, LARGEST_BODIES * largest))
    caller = Caller(orders.egress, asyncio.get_running_loop()) if orders.egress else None
    worker = Worker(door, budget, caller, noted, Deaths(orders.ids))
    loaded = assemble.load(orders, secrets)
    made = assemble.endpoints(work, loaded, worker.workshop, caller)
    worker.endpoints = [endpoint for endpoint, _ in made]
    worker.pages = Pages(orders.load, worker.endpoints, time_ns(), noted.deaths)
    worker.routes = routes.build(made, door, identity(orders), noted, worker.alone)
    gc.collect()
    gc.freeze()  # what has been loaded stays; the collector need not look at it again

    listening = slot.Listening(orders.socket)
    forked.guard(worker.loop, {*listening.names, orders.egress} - {""})
    server = await worker.loop.create_unix_server(lambda: Connection(worker), sock=listening.socket)
    told: asyncio.Future[int] = worker.loop.create_future()
    _obey(worker, listening, told)
    guard.Guard(worker.connected, worker.used_up)
    worker.tick()
    listening.publish()
    logs.event("info", f"{work.unit} slot {orders.slot} is ready: generation {orders.generation}, pid {os.getpid()}")

    code = await told
    worker.write_page()
    logs.event("info", "draining")
    await worker.leave(listening, server)
    noted.clear()
    logs.event("info", "drained")
    if not worker.thread.close(patience_seconds=0.1):
        # A step that never returns; only the end of the process ends it.
        logs.event("warning", "a step still runs; leaving without it")
        sys.stdout.flush()
        os._exit(code)
    return code


def _take_over(orders: Orders) -> Noted:
    if not orders.ids:
        return Noted.nowhere()
    noted, left = take_over(orders.ids, orders.work)
    if left.requests:
        where = " and ".join([f"step {step!r} of {endpoint!r}" for endpoint, step in left.steps]) or "no step"
        logs.event("warning", f"the last process here died with {left.requests} requests under way, in {where}")
    return noted


def _obey(worker: Worker, listening: slot.Listening, told: asyncio.Future[int]) -> None:
    """What signals do, and how it gives itself up. `told` is given the exit code."""

    asked = False

    def leave() -> None:
        nonlocal asked
        if asked:
            at_once(signal.SIGTERM)
        asked = True
        if not worker.door.draining:  # else it goes already, by itself, and answers until then
            drain(0)

    def drain(code: int) -> None:
        worker.door.drain(monotonic_ns(), patience(worker.endpoints))
        told.set_result(code)

    def give_up(code: int) -> None:
        listening.withdraw()  # at once: whoever connects now is better off with another
        drain(code)

    def at_once(number: int) -> None:
        listening.withdraw()
        worker.noted.clear()
        sys.stdout.flush()
        os._exit(128 + number)

    worker.give_up = give_up
    worker.loop.add_signal_handler(signal.SIGTERM, leave)
    worker.loop.add_signal_handler(signal.SIGINT, at_once, signal.SIGINT)


def _read_secrets(descriptor: int | None) -> dict[str, str]:
    """Name -> value. The descriptor is read to its end and closed, so nothing that is started later inherits it."""
    if descriptor is None:
        return {}
    try:
        with open(descriptor, "rb") as file:
            return msgspec.json.decode(file.read(MOST_SECRETS), type=dict[str, str])
    except (OSError, msgspec.MsgspecError):
        # Without the cause: it might quote a value.
        raise LongspanError("holds no JSON object of secrets", at=f"descriptor {descriptor}") from None
