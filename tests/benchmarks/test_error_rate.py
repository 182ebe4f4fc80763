"""Is the number of edits the least that makes one text of another?"""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from benchmarks.error_rate import edits, length

TEXTS = st.text("ab ", max_size=12)


def test_a_letter_replaced_added_or_missing_is_one_edit_each() -> None:
    assert edits("kitten", "sitting") == 3
    assert edits("", "three") == 5
    assert edits("three", "") == 5


def test_any_white_space_is_one_blank_and_none_at_the_ends() -> None:
    assert edits(" a\n b ", "a b") == 0
    assert length(" a\n b ") == 3


@given(one=TEXTS, other=TEXTS)
def test_it_is_the_same_there_and_back_and_bounded_by_the_longer_text(one: str, other: str) -> None:
    there = edits(one, other)
    assert there == edits(other, one)
    assert abs(length(one) - length(other)) <= there <= max(length(one), length(other))
    assert (there == 0) == (one.split() == other.split())


@given(one=TEXTS, two=TEXTS, three=TEXTS)
def test_a_detour_is_never_shorter(one: str, two: str, three: str) -> None:
    assert edits(one, three) <= edits(one, two) + edits(two, three)
