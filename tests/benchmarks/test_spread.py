"""When may a bound be called missed?"""

from __future__ import annotations

import itertools

from benchmarks.spread import Spread, compare


def test_a_bound_is_missed_only_when_the_whole_interval_is_beyond_it() -> None:
    spread = Spread.of([9.0, 6.5, 8.0, 7.5, 12.0])
    assert spread.median == 8.0
    assert not spread.beyond(7.0)
    assert spread.beyond(6.4)


def test_variants_take_turns_in_going_first_so_that_drift_falls_on_both() -> None:
    clock = itertools.count()
    order: list[str] = []

    def measured(name: str, own: float) -> float:
        order.append(name)
        return own + next(clock)

    found = compare(lambda: measured("a", 10.0), lambda: measured("b", 15.0), pairs=4)
    assert "".join(order) == "abbaabba"
    assert found.difference.median == 5.0
    assert (found.difference.least, found.difference.greatest) == (4.0, 6.0)
