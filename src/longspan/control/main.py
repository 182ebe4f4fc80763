"""Starts control: takes the system over, opens its doors, and makes trips until it is told to stop.

A control that is killed, or that gets SIGTERM, leaves gateway and workers serving; the next one adopts
them. Only ``down`` stops them.
"""

from __future__ import annotations

import argparse
import gc
import getpass
import logging
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path

import msgspec
import uvicorn
from starlette.types import ASGIApp

from longspan.capabilities.generations import run as generations
from longspan.capabilities.replicas.adapters import delegated
from longspan.client.control import SOCKET
from longspan.control import http, once
from longspan.control.stopping import Stopping
from longspan.control.waiting import Waiter
from longspan.control.world import World

_log = logging.getLogger(__name__)

SOON_SECONDS = 0.05
"""Between two trips while something moves."""
TICK_SECONDS = 0.5
"""Between two trips on an ordinary day: a lost knock costs one tick."""
_ROTATE_EVERY_SECONDS = 60


def main(arguments: Sequence[str] | None = None) -> int:
    """The entry point of ``python -m longspan.control``."""
    parser = argparse.ArgumentParser(prog="python -m longspan.control", description=__doc__)
    parser.add_argument("once", nargs="*", metavar="once VERB", help=f"one errand: {', '.join(once.VERBS)}")
    parser.add_argument("--file", type=Path, default=Path("longspan.yaml"))
    parser.add_argument("--state", type=Path)
    parser.add_argument("--now", action="store_true", help="once down: kill instead of draining")
    given = parser.parse_args(arguments)
    file = Path(os.path.abspath(given.file))
    state = Path(os.path.abspath(given.state or file.parent / ".longspan"))
    os.umask(0o077)
    if given.once:
        if len(given.once) != 2 or given.once[0] != "once" or given.once[1] not in once.VERBS:
            parser.error(f"give nothing, or once and one of {', '.join(once.VERBS)}")
        return once.answer(given.once[1], file, state, now=given.now)
    return _serve(file, state)


def _serve(file: Path, state: Path) -> int:
    waiter = Waiter()
    try:
        world = World.enter(file, state, dict(os.environ), watch=waiter.watch, guard=delegated())
        _begin(world)
    except Exception as error:  # noqa: BLE001 -- whatever it is, who called `up` is told in words
        sys.stdout.write(msgspec.json.encode(http.problem(error)).decode() + "\n")
        return getattr(error, "exit_code", 1)
    _log_to(world.logs.folder / "control.log")
    stopping = Stopping(world, waiter.knock)
    for name, app in (
        (SOCKET, http.api(world, knock=waiter.knock, down=stopping.ask)),
        ("run/pages.sock", http.pages(world)),
    ):
        _open(world.state / name, app)
    leaving = threading.Event()

    def leave(_number: int, _frame: object) -> None:
        leaving.set()
        waiter.knock()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, leave)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    gc.freeze()  # what has been loaded stays; a collector that looks at it again holds up a trip for 70 ms
    _log.info("control %d takes %s over", os.getpid(), file.parent.name)
    rotated = time.monotonic()
    while not leaving.is_set() and not stopping.done:
        try:
            moving = stopping.trip() if stopping.asked else world.trip().moving
        except Exception:  # noqa: BLE001
            # One bad trip must not end control: the next looks again, and the log has the cause.
            _log.exception("a trip failed")
            moving = False
        with world.troubles.borne("rotating the logs"):
            world.logs.rotate()
            if time.monotonic() - rotated > _ROTATE_EVERY_SECONDS:
                rotated = time.monotonic()
                world.gateway.rotate_logs()
        waiter.wait(SOON_SECONDS if moving else TICK_SECONDS)
    for name in (SOCKET, "run/pages.sock"):
        (world.state / name).unlink(missing_ok=True)
    _log.info("control %d leaves; %s", os.getpid(), "all is stopped" if stopping.done else "the data path serves on")
    return 0


def _begin(world: World) -> None:
    """Accept the file as the first generation where there is none; else what was accepted runs on."""
    world.give_up_stopped()
    if world.ledger.current() is None and world.ledger.pending() is None:
        generations.apply(world.generations, world.ledger, author=_author(), on=None, now=time.time_ns())
    else:
        world.claim_own_port()


def _author() -> str:
    try:
        return f"{getpass.getuser()}@{socket.gethostname()}"
    except (KeyError, OSError):
        return f"uid {os.getuid()}@{socket.gethostname()}"


def _open(path: Path, app: ASGIApp) -> None:
    """Serve `app` on a socket of mode 0600, in a thread of its own: a slow answer holds up no trip."""
    path.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    here = os.open(path.parent, os.O_PATH)
    try:
        listener.bind(f"/proc/self/fd/{here}/{path.name}")
    finally:
        os.close(here)
    listener.listen(128)
    config = uvicorn.Config(app, log_config=None, access_log=False, lifespan="off", loop="asyncio")
    server = uvicorn.Server(config)
    threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True, name=path.name).start()


def _log_to(path: Path) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
        os.dup2(descriptor, stream.fileno())
    os.close(descriptor)
    formatter = logging.Formatter("%(asctime)s.%(msecs)03dZ %(levelname)s %(message)s", "%Y-%m-%dT%H:%M:%S")
    formatter.converter = time.gmtime
    handler = logging.StreamHandler()
    handler.setFormatter(formatter)
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
