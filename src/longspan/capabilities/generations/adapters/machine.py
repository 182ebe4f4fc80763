"""How many cores and how much memory may be granted here?

What we may use, not what is built in: the cores that this process may run on, and less where a cgroup allows less.

Source: Linux, sched_setaffinity(2), proc_meminfo(5), Documentation/admin-guide/cgroup-v2.rst (`cpu.max`, `memory.max`)
and cgroup-v1 (`cpu.cfs_quota_us`, `memory.limit_in_bytes`).
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

from longspan.capabilities.generations.run import Machine

_MEMORY = re.compile(r"^MemTotal:\s+(\d+) kB$", re.MULTILINE)
_CGROUPS = "sys/fs/cgroup"


def machine(root: Path = Path("/")) -> Machine:
    """This machine, as far as it is ours. `root`: where ``proc`` and ``sys`` are."""
    total = _MEMORY.search(_read(root / "proc/meminfo"))
    memory = [int(total[1]) * 1024] if total else []
    cores = [float(len(os.sched_getaffinity(0)))]
    for folder in _folders(root, "", "cpu", "cpu,cpuacct"):
        quota, _, period = _read(folder / "cpu.max").partition(" ")
        cores += _shares(quota, period)
        cores += _shares(_read(folder / "cpu.cfs_quota_us"), _read(folder / "cpu.cfs_period_us"))
    for folder in _folders(root, "", "memory"):
        limits = (_read(folder / name) for name in ("memory.max", "memory.limit_in_bytes"))
        memory += [int(limit) for limit in limits if limit.isdigit()]
    return Machine(min(cores), min(memory, default=0))


def _folders(root: Path, *controllers: str) -> Iterator[Path]:
    """Our cgroup under each of these (an empty name: version 2), and all that it is inside of: each may limit us."""
    for line in _read(root / "proc/self/cgroup").splitlines():
        _, names, path = line.split(":", 2)
        if names in controllers:
            mount = root / _CGROUPS / names
            inside = mount / path.lstrip("/")
            yield inside
            yield from (one for one in inside.parents if one.is_relative_to(mount))


def _shares(quota: str, period: str) -> list[float]:
    if quota.isdigit() and period.isdigit() and int(period) > 0:
        return [int(quota) / int(period)]
    return []  # ``max``, -1, or no such file: no limit


def _read(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""
