"""The child that reads signatures: it imports what people wrote, so it may do anything, and everything is bounded.

Its time, what it tells, and what modules print meanwhile: of that the last lines are kept, for the complaint. Whatever
it has started goes with it. Which model or step it was at stands in a file that both have open, so that also a child
that was killed leaves a complaint with a position.
"""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from longspan.system.children import in_memory
from longspan.wire.orders import Described, DescribeOrders

SECONDS = 60.0
MOST_DESCRIBED_BYTES = 16 << 20
MOST_PRINTED_BYTES = 64 << 20
"""By modules while they are imported. Nobody prints so much who means well, and reading it takes control's time."""
_KEPT_BYTES = 1 << 16
_PIECE_BYTES = 1 << 16
_LONGEST_LINE = 300


class Failed(NamedTuple):
    """Why nothing was described."""

    key: str
    """What was being read, as in `Described.errors`; empty when that is not known."""
    problem: str


def describe(
    orders: DescribeOrders, folder: Path, environment: Mapping[str, str], *, seconds: float = SECONDS
) -> Described | Failed:
    """Run the child in `folder`. Returns when it has ended, at the latest after `seconds`."""
    progress = in_memory(b"")
    told = in_memory(msgspec.json.encode(msgspec.structs.replace(orders, progress=f"/proc/self/fd/{progress}")))
    try:
        with subprocess.Popen(
            [sys.executable, "-P", "-B", "-m", "longspan.serving", "describe", f"/proc/self/fd/{told}"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=folder,
            pass_fds=(told, progress),
            env=dict(environment),
            start_new_session=True,
        ) as child:
            reading = _Reading(child)
            try:
                problem = reading.until_it_ends(time.monotonic() + seconds, seconds)
            finally:
                # Before it is waited for: until then nobody else can have this number.
                os.killpg(child.pid, signal.SIGKILL)
        key = os.pread(progress, 4096, 0).decode(errors="replace")
    finally:
        os.close(told)
        os.close(progress)
    if not problem and child.returncode == 0:
        try:
            return msgspec.json.decode(reading.described, type=Described)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            problem = "what describes the steps was garbled: did a module write to descriptors that are not its own?"
    return Failed(key, problem or f"ended the process with {_ended(child.returncode)}: {reading.last_line()}")


class _Reading:
    """What a child says, on both of its pipes, within bounds."""

    def __init__(self, child: subprocess.Popen[bytes]) -> None:
        self._child = child
        self.described = b""
        self._printed, self._kept = 0, b""

    def until_it_ends(self, end: float, seconds: float) -> str:
        """Read until the child has ended; what is wrong, or nothing."""
        streams: dict[int, Any] = {}
        poll, pidfd = select.poll(), os.pidfd_open(self._child.pid)
        try:
            poll.register(pidfd, select.POLLIN)
            for stream in (self._child.stdout, self._child.stderr):
                assert stream is not None, "both are pipes"
                os.set_blocking(stream.fileno(), False)
                streams[stream.fileno()] = stream
                poll.register(stream.fileno(), select.POLLIN)
            while (left := end - time.monotonic()) > 0:
                ready = {descriptor for descriptor, _ in poll.poll(left * 1000)}
                for descriptor in ready & streams.keys():
                    if not self._read(descriptor):
                        poll.unregister(descriptor)
                        del streams[descriptor]
                if problem := self._too_much():
                    return problem
                # What it had written before its end is read first. A child of its own may hold the pipes open.
                if pidfd in ready and not (ready & streams.keys()):
                    return ""
            return f"takes longer than {seconds:g} s to import"
        finally:
            os.close(pidfd)

    def _read(self, descriptor: int) -> bool:
        try:
            piece = os.read(descriptor, _PIECE_BYTES)
        except BlockingIOError:
            return True
        assert self._child.stdout is not None
        if descriptor == self._child.stdout.fileno():
            self.described += piece
        else:
            self._printed += len(piece)
            self._kept = (self._kept + piece)[-_KEPT_BYTES:]
        return bool(piece)

    def _too_much(self) -> str:
        if len(self.described) > MOST_DESCRIBED_BYTES:
            return f"needs more than {MOST_DESCRIBED_BYTES >> 20} MiB to be described"
        if self._printed > MOST_PRINTED_BYTES:
            return f"prints more than {MOST_PRINTED_BYTES >> 20} MiB while it is imported"
        return ""

    def last_line(self) -> str:
        """Of what was printed."""
        lines = self._kept.decode(errors="replace").strip().splitlines()
        return "".join(one if one.isprintable() else "?" for one in (lines or ["no message"])[-1])[:_LONGEST_LINE]


def _ended(code: int) -> str:
    return f"signal {-code}" if code < 0 else f"exit code {code}"
