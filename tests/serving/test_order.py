"""Which steps wait for which, and which may run at the same time."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from longspan.base.signatures import Signature, TensorType
from longspan.serving import order
from longspan.wire.orders import StepWork

ONE = TensorType("FP32", (1,))
ROWS = TensorType("FP32", ("batch", "width"))


def step(
    name: str,
    sources: str = "x",
    *,
    when: str = "",
    optional: str = "",
    taken: TensorType = ONE,
    given: TensorType = ONE,
) -> StepWork:
    """A step that takes these (an input each, called a, b, c ...) and gives `y`."""
    inputs = dict(zip("abcdefghijkl", sources.split(), strict=False))
    signature = Signature(dict.fromkeys(inputs, taken), {"y": given}, optional=tuple(optional))
    return StepWork(name=name, run="m:f", when=when, repeatable=True, inputs=inputs, signature=signature)


CHAIN = (step("a"), step("b", "a.y"), step("c", "b.y a.y x"))
DIAMOND = (step("a"), step("b", "a.y"), step("c", "a.y"), step("d", "b.y c.y"))

graphs = st.lists(st.frozensets(st.integers(0, 9)), min_size=1, max_size=10).map(
    lambda found: [
        step(f"s{n}", " ".join(["x", *(f"s{other}.y" for other in sorted(others) if other < n)]))
        for n, others in enumerate(found)
    ]
)


def test_a_step_waits_for_what_it_takes_and_for_what_that_waits_for() -> None:
    assert [sorted(others) for others in order.waits(DIAMOND)] == [[], [0], [0], [0, 1, 2]]


def test_a_step_waits_for_what_its_condition_looks_at() -> None:
    assert order.waits((step("a"), step("b", when="not a.y")))[1] == {0}
    assert order.waits((step("a"), step("b", when="x")))[1] == frozenset()


def test_an_input_of_the_service_may_be_called_as_a_step_is() -> None:
    assert order.waits((step("a"), step("b", "a")))[1] == frozenset()


def test_a_step_cannot_wait_for_a_later_one() -> None:
    with pytest.raises(ValueError, match="'a' waits"):
        order.waits((step("a", "b.y"), step("b")))


def test_a_chain_is_where_each_step_waits_for_all_before_it() -> None:
    assert order.chain(order.waits(CHAIN))
    assert order.chain(order.waits(DIAMOND[:1]))
    assert not order.chain(order.waits(DIAMOND))


def test_branches_have_a_track_each_and_what_follows_them_joins_one() -> None:
    before = order.waits(DIAMOND)
    assert order.tracks(before, [True] * 4) == (0, 0, 1, 1)
    assert order.tracks(before, [True, False, True, True]) == (0, -1, 0, 0)


def test_a_line_between_two_branchings_is_one_part() -> None:
    steps = (step("a"), step("b", "a.y"), step("c", "b.y"), step("d", "a.y"), step("e", "c.y d.y"))
    before = order.waits(steps)
    threaded = [True] * 5
    found = order.parts(before, order.tracks(before, threaded), threaded)
    assert [part.steps for part in found] == [(0,), (1, 2), (3,), (4,)]
    assert [part.after for part in found] == [(), (0,), (0,), (1, 2)]
    assert [part.followers for part in found] == [(1, 2), (3,), (3,), ()]


def test_what_needs_no_thread_is_a_part_of_its_own() -> None:
    before = order.waits(CHAIN)
    threaded = [True, False, True]
    assert [part.steps for part in order.parts(before, order.tracks(before, threaded), threaded)] == [(0,), (1,), (2,)]


@given(graphs, st.data())
def test_every_step_is_in_one_part_and_every_part_begins_after_all_that_it_needs(
    steps: list[StepWork], data: st.DataObject
) -> None:
    threaded = data.draw(st.lists(st.booleans(), min_size=len(steps), max_size=len(steps)))
    before = order.waits(steps)
    on = order.tracks(before, threaded)
    parts = order.parts(before, on, threaded)
    assert sorted(place for part in parts for place in part.steps) == list(range(len(steps)))
    done: set[int] = set()
    for index, part in enumerate(parts):
        assert all(earlier < index for earlier in part.after), "in an order in which they can run"
        reached = set(part.after)
        while wider := {further for other in reached for further in parts[other].after} - reached:
            reached |= wider
        there = {place for other in reached for place in parts[other].steps}
        for place in part.steps:
            assert before[place] <= there, "nothing is waited for that is not reached through `after`"
            there.add(place)
        assert len({on[place] for place in part.steps}) == 1
        done |= set(part.steps)
    assert done == set(range(len(steps)))


@given(graphs)
def test_steps_of_one_track_wait_for_each_other(steps: list[StepWork]) -> None:
    before = order.waits(steps)
    on = order.tracks(before, [True] * len(steps))
    assert max(on) < order.MOST_TRACKS
    if len(set(on)) < order.MOST_TRACKS:
        for later, others in enumerate(before):
            assert all(earlier in others for earlier in range(later) if on[earlier] == on[later])


def test_what_takes_something_of_a_step_that_may_be_skipped_may_be_skipped_too() -> None:
    steps = (step("a"), step("b", "a.y", when="a.y"), step("c", "b.y"), step("d", "b.y a.y", optional="a"))
    assert [found.skippable for found in order.facts(steps)] == [False, True, True, False]


def test_rows_that_a_step_makes_are_counted_where_they_are_taken() -> None:
    steps = (
        step("cut", given=ROWS),
        step("read", "cut.y", taken=ROWS, given=ROWS),
        step("other", taken=ROWS, given=ROWS),
        step("join", "read.y", taken=ROWS),
    )
    assert [order.makes(one) for one in steps] == [True, False, False, False]
    assert [found.counted for found in order.facts(steps)] == ["", "cut.y", "", "read.y"]
