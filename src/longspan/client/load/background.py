"""A load in a thread of its own, while somebody does things to the system that it asks."""

from __future__ import annotations

import threading
import time
from types import TracebackType
from typing import Self

import uvloop

from longspan.client.load.drive import Drive
from longspan.client.load.values import Mark, Plan, Progress, Report


class Background:
    """A load in a thread with its own loop, while the caller does things to the system.

    As a context manager it starts on entry and stops on exit; `report` then holds the outcome. When the
    block raised, the load is stopped too and the exception goes on.
    """

    def __init__(self, plan: Plan) -> None:
        self._drive = Drive(plan)
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._main, name="load", daemon=True)
        self._report: Report | None = None

    @property
    def report(self) -> Report:
        """The outcome, once it has stopped. Raises `RuntimeError` before."""
        if self._report is None:
            raise RuntimeError("the load has not been stopped yet")
        return self._report

    @property
    def seconds(self) -> float:
        """Since its first request was due."""
        return self._drive.since_start(time.monotonic_ns())

    def progress(self, window_seconds: float = 1.0) -> Progress:
        """How it stands now, with the latency of what was due in the last seconds."""
        return self._drive.progress(window_seconds)

    @property
    def ended(self) -> bool:
        """Is nothing more due, and nothing unanswered?"""
        return self._drive.started.is_set() and not self._thread.is_alive()

    def start(self) -> None:
        """Begin sending; returns when the first request is due."""
        self._thread.start()
        self._drive.started.wait()

    def mark(self, text: str) -> None:
        """Note that something was done to the system now."""
        self._drive.marks.append(Mark(self.seconds, text))

    def stop(self) -> Report:
        """Send no more, wait for what is unanswered (at most the time-out), and give the report."""
        self._drive.stopping = True
        self._thread.join()
        if self._error is not None:
            raise self._error
        return self.report

    def wait(self) -> Report:
        """Wait until all that is due has been sent and answered, and give the report."""
        self._thread.join()
        return self.stop()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None) -> None:
        self.stop()

    def _main(self) -> None:
        try:
            self._report = uvloop.run(self._drive.run())
        except BaseException as error:  # noqa: BLE001  Handed to whoever calls `stop`.
            self._error = error
        finally:
            self._drive.started.set()
