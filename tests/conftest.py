"""What every test shares: hypothesis profiles, and the mark of the journeys.

`HYPOTHESIS_PROFILE=deep pytest tests/wire` looks longer; in CI the examples are the same each time.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# No deadline: nothing here asserts on time, and a busy machine is no bug.
settings.register_profile("quick", deadline=None, max_examples=50)
settings.register_profile("ci", settings.get_profile("quick"), derandomize=True, print_blob=True)
settings.register_profile(
    "deep", deadline=None, max_examples=5_000, suppress_health_check=[HealthCheck.too_slow], print_blob=True
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci" if os.environ.get("CI") else "quick"))

JOURNEYS = Path(__file__).parent / "journeys"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """All of tests/journeys is a journey; nobody has to remember the mark."""
    for item in items:
        if item.path.is_relative_to(JOURNEYS):
            item.add_marker(pytest.mark.journey)
