"""What a share of the machine means for a process: threads by cores, and where the kernel ends it."""

from __future__ import annotations

import pytest

from longspan.capabilities.replicas.decide import hard_limit, thread_limits


@pytest.mark.parametrize(("cpu", "threads"), [(0.1, "1"), (1, "1"), (1.9, "1"), (2, "2"), (16.5, "16")])
def test_threads_are_the_whole_cores_that_are_granted_whatever_the_shell_says(cpu: float, threads: str) -> None:
    assert set(thread_limits(cpu, {"OMP_NUM_THREADS": "7"}).values()) == {threads}


def test_without_a_grant_it_is_one_thread_unless_the_environment_says_another_number() -> None:
    limits = thread_limits(0, {"OMP_NUM_THREADS": "7"})
    assert limits == {
        "OMP_NUM_THREADS": "7", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "OPENCV_FOR_THREADS_NUM": "1",
    }  # fmt: skip


def test_the_kernel_leaves_a_quarter_of_room_over_the_budget() -> None:
    assert hard_limit(1000) == 1250
