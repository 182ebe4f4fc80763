"""What does not come back, and when is its replica given up?

A step in a thread cannot be ended from without, nor can a task that swallows its cancellation. Their callers are
answered at their deadlines; when as much time again has passed, nothing is left but to end the process, since what
waits behind such a step waits in vain. What blocks the loop itself is seen by control (`replicas.decide.silence`).
"""

from __future__ import annotations

import sys
import traceback
from collections.abc import Iterable, Iterator
from itertools import islice
from types import FrameType
from typing import Any, NamedTuple

from longspan.serving.admission import SECOND
from longspan.serving.lingering import Overdue
from longspan.serving.step import Step
from longspan.serving.thread import UnderWay

LEAST = 3 * SECOND
"""Nothing is given up sooner, however short its time limit: a restart takes as long, so it would gain nothing."""
DEEPEST = 24
"""Frames that are told, the innermost."""
MOST_FRAMES = 10_000
"""Frames that are looked at: a step may recurse."""


class Hung(NamedTuple):
    """A step that is given up."""

    step: str
    """Its name; empty when it cannot be told."""
    told: str
    """What it does, with the Python stack of where it is."""


def patience(limit: int) -> int:
    """Nanoseconds that a step may run whose callers have so many."""
    return max(2 * limit, LEAST)


def find(jobs: Iterable[UnderWay], lingering: Iterable[Overdue], now: int) -> Hung | None:
    """The first that has been at it for too long. `now`: nanoseconds of the monotonic clock."""
    for job, since, thread in jobs:
        if now - since > patience(job.limit):
            frame = sys._current_frames().get(thread.ident or 0)
            frames = list(islice(_outwards(frame), MOST_FRAMES))
            seconds, limit = (now - since) / SECOND, job.limit / SECOND
            return _told(frames, f"has not come back for {seconds:.1f} s, and its time limit is {limit:g} s")
    for task, since, limit in lingering:
        # It was told at its deadline, or when its client went.
        if now - since > patience(limit) - limit:
            frames = list(islice(_awaited(task), MOST_FRAMES))[::-1]
            return _told(frames, f"was cancelled {(now - since) / SECOND:.1f} s ago and has not ended")
    return None


def _told(frames: list[FrameType], what: str) -> Hung:
    """`frames`: the innermost first."""
    step = next((found for frame in frames if (found := _step(frame))), "")
    stack = traceback.StackSummary.extract((frame, frame.f_lineno) for frame in reversed(frames[:DEEPEST]))
    name = f"step {step!r}" if step else "a step"
    return Hung(step, f"{name} hangs: it {what}. This replica gives up.\n{''.join(stack.format()).rstrip()}")


def _step(frame: FrameType) -> str:
    """The step that a frame of ours has in hand; the hot path is told nothing for this."""
    if not frame.f_globals.get("__name__", "").startswith("longspan.serving"):
        return ""
    step = frame.f_locals.get("step")
    return step.name if isinstance(step, Step) else ""


def _outwards(frame: FrameType | None) -> Iterator[FrameType]:
    while frame is not None:
        yield frame
        frame = frame.f_back


def _awaited(task: Any) -> Iterator[FrameType]:
    """The frames of a suspended task, the outermost first."""
    waits = task.get_coro() if hasattr(task, "get_coro") else None
    while waits is not None:
        frame = getattr(waits, "cr_frame", None) or getattr(waits, "ag_frame", None) or getattr(waits, "gi_frame", None)
        if frame is not None:
            yield frame
        waits = (
            getattr(waits, "cr_await", None) or getattr(waits, "ag_await", None) or getattr(waits, "gi_yieldfrom", None)
        )
