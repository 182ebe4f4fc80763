"""What does a unit's share of the machine (``resources:``) mean for each of its processes?"""

from __future__ import annotations

from collections.abc import Mapping

THREAD_LIMITS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OPENCV_FOR_THREADS_NUM")
"""What the libraries that a step may use look at when they are loaded."""


def thread_limits(cpu: float, environment: Mapping[str, str]) -> dict[str, str]:
    """The variables that keep a process to its cores: as many threads as whole ones are granted, at least one.

    They follow what each replica is granted, never how many replicas there are. When nobody granted anything (0),
    what `environment` says is left as it is, and what it does not say is one thread: libraries would take as many
    as the machine has cores, in each replica, and the cores that a replica seems to need would tell nothing of its
    load. A step that wants more says so: ``resources: {cpu: 4}``.
    """
    if cpu:
        return dict.fromkeys(THREAD_LIMITS, str(max(1, int(cpu))))
    return {name: environment.get(name, "1") for name in THREAD_LIMITS}


def hard_limit(memory_bytes: int) -> int:
    """Where the kernel ends a process, if it may: a quarter over the budget, so that a replica that is over it has
    room to serve until another does so in its place."""
    return memory_bytes + memory_bytes // 4
