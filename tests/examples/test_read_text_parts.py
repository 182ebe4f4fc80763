"""Do the parts of examples/read-text do what they say: regions, the order of reading, letters, lines?"""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from benchmarks.text_loop import TextLoop

# --- regions ------------------------------------------------------------------------------------------------------


def test_a_core_is_grown_by_what_shrinking_took_away(loop: TextLoop) -> None:
    probability = np.zeros((100, 200), np.float32)
    probability[40:60, 50:151] = 0.9
    (region,) = loop.steps.regions.find(probability, 100, 200)
    grown = 100 * 20 * 1.6 / 240 * 2
    assert (region.x, region.y) == pytest.approx((100, 50), abs=1)
    assert (region.width, region.height) == pytest.approx((101 + grown, 20 + grown), abs=2)
    assert region.angle == pytest.approx(0, abs=0.01)


def test_what_is_faint_or_tiny_is_no_region(loop: TextLoop) -> None:
    probability = np.zeros((100, 200), np.float32)
    probability[40:60, 50:150] = 0.45
    probability[10, 10] = 0.9
    assert not list(loop.steps.regions.find(probability, 100, 200))


@pytest.mark.parametrize("degrees", [-40, -20, -5, 0, 5, 20, 40])
def test_a_slanted_region_is_found_with_its_angle_and_laid_straight(loop: TextLoop, degrees: int) -> None:
    import cv2

    box = cv2.boxPoints(((150, 150), (160, 20), degrees)).astype(np.int32)
    probability = cv2.fillPoly(np.zeros((300, 300), np.float32), [box], 0.9)
    (region,) = loop.steps.regions.find(np.asarray(probability, np.float32), 300, 300)
    assert math.degrees(region.angle) == pytest.approx(degrees, abs=1)
    assert region.width / region.height > 3
    laid = loop.steps.regions.straight(np.dstack([np.asarray(probability * 255, np.uint8)] * 3), region)
    middle = laid.shape[0] // 2
    assert laid[middle - 3 : middle + 3, 40:-40].min() > 200  # all of it lies along the middle


# --- reading order ------------------------------------------------------------------------------------------------

WORDS = [(x, y) for y in (0, 40, 80) for x in (0, 130, 260)]
"""Upper left corners of three lines of three words, in reading order; each is 100 wide and 24 high."""


def placed(angle: float, turn: int) -> tuple[NDArray[np.float32], NDArray[np.int8]]:
    """Their boxes on a page turned by `turn` quarters and `angle` more, clockwise."""
    corners = np.array([[[x, y], [x + 100, y], [x + 100, y + 24], [x, y + 24]] for x, y in WORDS], np.float64)
    turned = math.radians(angle) + turn * math.pi / 2
    corners = corners @ np.array([[math.cos(turned), math.sin(turned)], [-math.sin(turned), math.cos(turned)]])
    return np.roll(corners, turn, 1).astype(np.float32), np.full(len(WORDS), turn, np.int8)


@given(order=st.permutations(range(len(WORDS))), angle=st.floats(-8, 8), turn=st.sampled_from([0, 1, -1]))
def test_words_are_read_line_by_line_however_the_page_lies(
    loop: TextLoop, order: list[int], angle: float, turn: int
) -> None:
    boxes, turns = placed(angle, turn)
    found = loop.steps.reading.in_order(boxes[order], turns[order])
    assert [order[row] for row in found] == list(range(len(WORDS)))


@given(
    boxes=st.lists(st.lists(st.floats(-10, 3_000, width=32), min_size=8, max_size=8), max_size=12),
    turn=st.sampled_from([0, 1, -1]),
)
def test_every_box_is_read_once_whatever_its_shape(loop: TextLoop, boxes: list[list[float]], turn: int) -> None:
    corners = np.array(boxes, np.float32).reshape(-1, 4, 2)
    found = loop.steps.reading.in_order(corners, np.full(len(boxes), turn, np.int8))
    assert sorted(found) == list(range(len(boxes)))


# --- letters and lines --------------------------------------------------------------------------------------------


def scores(*letters: int, sure: float = 0.9) -> NDArray[np.float32]:
    found = np.full((1, len(letters), 18_710), 0.0, np.float32)
    for place, letter in enumerate(letters):
        found[0, place, letter] = sure
    return found


def test_repeated_letters_are_one_and_a_blank_parts_them(loop: TextLoop) -> None:
    first = loop.letters(scores(1))["text"][0]
    assert loop.letters(scores(0, 1, 1, 0, 1, 0, 18_709, 1))["text"] == [f"{first}{first} {first}"]


def test_confidence_is_the_mean_of_the_letters_and_nothing_read_has_none(loop: TextLoop) -> None:
    read = loop.letters(np.concatenate([scores(1, 0, 2, sure=0.8), scores(0, 0, 0)]))
    assert read["confidence"].tolist() == pytest.approx([0.8, 0])
    assert read["text"][1] == ""


def test_no_rows_are_no_lines(loop: TextLoop) -> None:
    none = np.zeros(0, np.float32)
    assert loop.letters(np.zeros((0, 0, 18_710), np.float32))["text"] == []
    assert loop.steps.assemble([], none, none.reshape(0, 4, 2), np.zeros(0, np.int8)) == {"text": "", "lines": []}


def test_the_surer_way_round_is_told_and_what_is_unsure_or_empty_is_not(loop: TextLoop) -> None:
    boxes = np.array([box(0), box(0), box(60), box(90)], np.float32)
    sure = np.array([0.6, 0.9, 0.4, 0.99], np.float32)
    found = loop.steps.assemble(["pn", "up", "noise", " "], sure, boxes, np.array([1, -1, 0, 0], np.int8))
    assert found["lines"] == [{"text": "up", "confidence": 0.9, "box": [[0, 0], [9, 0], [9, 50], [0, 50]]}]


def box(y: int) -> list[list[int]]:
    return [[0, y], [9, y], [9, y + 50], [0, y + 50]]
