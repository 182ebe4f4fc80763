"""How much may be granted: the machine's, or less where a cgroup says so. A folder stands in for the root."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from longspan.capabilities.generations.adapters.machine import machine

KIB = 1024


@pytest.fixture
def root(tmp_path: Path) -> Path:
    files(tmp_path, {"proc/meminfo": "MemTotal:       16384 kB\nMemFree:  1 kB\n"})
    return tmp_path


def files(root: Path, texts: dict[str, str]) -> None:
    for name, text in texts.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def test_without_limits_it_is_the_memory_there_is_and_the_cores_we_may_use(root: Path) -> None:
    found = machine(root)
    assert (found.cores, found.memory_bytes) == (len(os.sched_getaffinity(0)), 16384 * KIB)


def test_a_cgroup_of_version_2_limits_and_so_does_the_one_around_it(root: Path) -> None:
    files(root, {
        "proc/self/cgroup": "0::/outer/inner\n",
        "sys/fs/cgroup/outer/inner/cpu.max": "max 100000\n",
        "sys/fs/cgroup/outer/cpu.max": "50000 100000\n",
        "sys/fs/cgroup/outer/inner/memory.max": "1048576\n",
        "sys/fs/cgroup/outer/memory.max": "max\n",
    })  # fmt: skip
    found = machine(root)
    assert (found.cores, found.memory_bytes) == (0.5, 1 << 20)


def test_cgroups_of_version_1_limit_too(root: Path) -> None:
    files(root, {
        "proc/self/cgroup": "4:memory:/job\n1:cpu,cpuacct:/job\n0::/\n",
        "sys/fs/cgroup/cpu,cpuacct/job/cpu.cfs_quota_us": "25000\n",
        "sys/fs/cgroup/cpu,cpuacct/job/cpu.cfs_period_us": "100000\n",
        "sys/fs/cgroup/memory/job/memory.limit_in_bytes": "2097152\n",
        "sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n",
    })  # fmt: skip
    found = machine(root)
    assert (found.cores, found.memory_bytes) == (0.25, 2 << 20)


def test_a_quota_that_is_none_takes_nothing_away(root: Path) -> None:
    files(root, {
        "proc/self/cgroup": "1:cpu:/\n",
        "sys/fs/cgroup/cpu/cpu.cfs_quota_us": "-1\n",
        "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000\n",
    })  # fmt: skip
    assert machine(root).cores == len(os.sched_getaffinity(0))


def test_the_machine_that_runs_this_has_something_to_grant() -> None:
    found = machine()
    assert found.cores > 0
    assert found.memory_bytes > 64 << 20
