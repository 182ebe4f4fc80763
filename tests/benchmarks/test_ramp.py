"""Does the default policy grow early enough, in the model, on ramps that we promise?"""

from __future__ import annotations

import pytest

from benchmarks.ramp import SLOPES, Slope, default, leads


@pytest.mark.parametrize("slope", SLOPES, ids=str)
def test_each_growth_is_decided_at_least_a_start_before_the_objective_would_be_missed(slope: Slope) -> None:
    found = leads(slope, default(), range(3))
    assert set(found) >= {1, 2, 3}
    assert all(lead >= slope.start_seconds for of in found.values() for lead in of), found
