"""Was the core taken from this thread meanwhile? What was interrupted says nothing about the model that ran."""

from __future__ import annotations

import resource
import threading

_switches = threading.local()


def preempted() -> bool:
    """Has the kernel taken the core from this thread since the last call?"""
    now = resource.getrusage(resource.RUSAGE_THREAD).ru_nivcsw
    before, _switches.count = getattr(_switches, "count", now), now
    return bool(now != before)
