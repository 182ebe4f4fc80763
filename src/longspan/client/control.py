"""How does a command talk to control, the one process that decides?

Through its API on the socket in the state folder: a method for each route of `client.messages`, with its
values in and out and the tree of `base.errors` for what is refused.
"""

from __future__ import annotations

import contextlib
import os
import select
import time
from collections.abc import Callable, Iterator
from typing import TypeVar
from urllib.parse import urlencode

import msgspec

from longspan.base.errors import LongspanError, Unreachable
from longspan.client import messages
from longspan.client.connection import UnixConnection, exchange, pieces, read_whole, unix_request
from longspan.client.problems import error_of, problem_of

SOCKET = "control.sock"
"""Name of control's socket in the state folder."""

LOOK_AGAIN_SECONDS = 0.15
"""Between two looks at control by who waits for it."""

_ANSWER = TypeVar("_ANSWER")
_ANSWER_LIMIT_BYTES = 16 << 20
_QUESTION_SECONDS = 10.0
_WORK_SECONDS = 600.0
"""Checking a file imports its steps and digests its models; copying them may take minutes."""


class NotRunning(Unreachable):
    """No control listens at the state folder."""


class Control:
    """Control's API. `state_folder`: where its socket is. Each method raises what `problems.error_of` makes
    of a refusal, `NotRunning` when no control listens, `Unreachable` when one does but does not answer.
    """

    def __init__(self, state_folder: str | os.PathLike[str]) -> None:
        self._socket = os.path.join(os.fspath(state_folder), SOCKET)

    def status(self) -> messages.Status:
        """What runs now."""
        return self._ask("GET", "/v1/status", messages.Status)

    def load(self) -> messages.LoadView:
        """What the replicas have done so far."""
        return self._ask("GET", "/v1/load", messages.LoadView)

    def plan(self) -> messages.Plan:
        """What applying the file would change."""
        return self._ask("POST", "/v1/plan", messages.Plan, seconds=_WORK_SECONDS)

    def apply(self, order: messages.ApplyOrder) -> messages.ApplyAnswer:
        """Accept the file as a new generation. Returns before it serves: ask `generation`."""
        return self._ask("POST", "/v1/apply", messages.ApplyAnswer, order, _WORK_SECONDS)

    def rollback(self, order: messages.RollbackOrder) -> messages.ApplyAnswer:
        """Accept an earlier generation's content as a new one. Returns before it serves."""
        return self._ask("POST", "/v1/rollback", messages.ApplyAnswer, order, _WORK_SECONDS)

    def generations(self) -> list[messages.GenerationView]:
        """All generations, newest first."""
        return self._ask("GET", "/v1/generations", list[messages.GenerationView])

    def generation(self, number: int) -> messages.GenerationView:
        return self._ask("GET", f"/v1/generations/{number}", messages.GenerationView)

    def follow(self, number: int) -> Iterator[tuple[messages.GenerationView, messages.Status]]:
        """A generation and the whole, looked at again and again until its verdict is in force."""
        while True:
            generation = self.generation(number)
            yield generation, self.status()
            if generation.done:
                return
            time.sleep(LOOK_AGAIN_SECONDS)

    def down(self, *, now: bool = False) -> None:
        """Ask control to stop all and exit. Returns at once: see `stop`."""
        self._send("POST", "/v1/down", messages.DownOrder(now=now))

    def stop(self, *, now: bool, within_seconds: float) -> bool:
        """Stop all and wait until control's process has ended; false when it has not after `within_seconds`."""
        with _watched(self.status().control.pid) as ended:
            self.down(now=now)
            return ended(within_seconds)

    def logs(self, *, follow: bool = False, request: str = "", unit: str = "") -> Iterator[bytes]:
        """Log lines as they come, in pieces that need not end with a line. With `follow`, without an end:
        silence is no failure, and control's death ends it.
        """
        query = {"follow": "true"} if follow else {}
        query |= {name: value for name, value in (("request", request), ("unit", unit)) if value}
        path = f"/v1/logs?{urlencode(query)}"
        connection = UnixConnection(self._socket, _QUESTION_SECONDS)
        with _running(), exchange(connection, "GET", path, patient=follow) as response:
            if response.status != 200:
                body = read_whole(response, limit_bytes=_ANSWER_LIMIT_BYTES, until=time.monotonic() + _QUESTION_SECONDS)
                raise error_of(problem_of(response.status, body))
            yield from pieces(response)

    def _ask(
        self, method: str, path: str, answer: type[_ANSWER], order: object = None, seconds: float = _QUESTION_SECONDS
    ) -> _ANSWER:
        body = self._send(method, path, order, seconds)
        try:
            return msgspec.json.decode(body, type=answer)
        except msgspec.DecodeError as error:
            remedy = "Is control of another version? Stop it with longspan down, start it with longspan up"
            raise LongspanError(f"control's answer to {path} is not understood ({error})", remedy=remedy) from error

    def _send(self, method: str, path: str, order: object = None, seconds: float = _QUESTION_SECONDS) -> bytes:
        body = b"" if order is None else msgspec.json.encode(order)
        headers = {"content-type": "application/json"} if body else None
        with _running():
            status, answer = unix_request(
                method, self._socket, path, timeout=seconds, body=body, headers=headers, limit_bytes=_ANSWER_LIMIT_BYTES
            )
        if not 200 <= status < 300:
            raise error_of(problem_of(status, answer))
        return answer


@contextlib.contextmanager
def _watched(pid: int) -> Iterator[Callable[[float], bool]]:
    """Hold on to a process, so that another that gets its pid is never taken for it."""
    descriptor = os.pidfd_open(pid)
    try:
        # A pidfd is readable once its process has ended.
        yield lambda seconds: bool(select.select([descriptor], [], [], seconds)[0])
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def _running() -> Iterator[None]:
    """Tell a control that is not there from one that does not answer."""
    try:
        yield
    except Unreachable as error:
        if isinstance(error.__cause__, FileNotFoundError | ConnectionRefusedError | NotADirectoryError):
            remedy = "Start it with longspan up"
            raise NotRunning("no control runs for this system", at=error.at, remedy=remedy) from error
        raise
