"""Do the steps of examples/read-text read what stands in a picture, no worse than the package that ships the models?

Here the steps are plain calls; tests/journeys/test_read_text.py asks the running service.
"""

from __future__ import annotations

import io
import math
import struct
import sys
import zlib
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image, ImageOps

from benchmarks import read_text
from benchmarks.pictures import draw, photographs, png
from benchmarks.text_loop import TextLoop
from longspan import RequestError

HANDFUL = ("page", "no-parking-notice")
DRAWN = (
    draw("serif, turned", 1, font="serif", angle=-4, lines=3),
    draw("faint, light on dark", 3, contrast=0.3, inverted=True, lines=3),
)
SHORT = draw("short", 4, lines=2)
WHITE = np.full((300, 400, 3), 255, np.uint8)


@pytest.fixture(scope="module")
def loop() -> Iterator[TextLoop]:
    loop = TextLoop()
    yield loop
    for name in ("picture", "reading", "regions"):  # another example may have modules of these names
        sys.modules.pop(name, None)


def read(loop: TextLoop, content: bytes) -> list[str]:
    return [line["text"] for line in loop.read(content)["lines"]]


# --- what is read -------------------------------------------------------------------------------------------------


def test_text_is_read_no_worse_than_by_the_pipeline_of_the_package_that_ships_the_models(loop: TextLoop) -> None:
    some = [*(picture for picture in photographs() if picture.name in HANDFUL), *DRAWN]
    ours = read_text.rate(lambda content: str(loop.read(content)["text"]), some)
    theirs = read_text.rate(read_text.rapidocr(), some)
    assert ours <= theirs
    assert ours < 0.03


@pytest.mark.parametrize("angle", [90, -90])
def test_a_page_on_its_side_is_read_from_its_own_upper_edge(loop: TextLoop, angle: float) -> None:
    picture = draw("on its side", 5, angle=angle, lines=3)
    assert tuple(read(loop, picture.content)) == picture.lines


@pytest.mark.parametrize(
    ("mode", "kind"),
    [("1", "PNG"), ("P", "GIF"), ("L", "BMP"), ("LA", "PNG"), ("RGBA", "WEBP"), ("CMYK", "JPEG"), ("F", "TIFF")],
)
def test_every_kind_of_picture_is_seen_alike(loop: TextLoop, mode: str, kind: str) -> None:
    file = io.BytesIO()
    Image.open(io.BytesIO(SHORT.content)).convert(mode).save(file, kind)
    seen, size = loop.steps.pictures.read(file.getvalue())
    assert size == (seen.shape[1], seen.shape[0])
    assert difference(seen, grey()) < 8


def test_sixteen_bits_of_grey_are_seen(loop: TextLoop) -> None:
    seen, _ = loop.steps.pictures.read(png(grey().astype(np.uint16) * 200))
    assert difference(seen, grey()) < 1


@pytest.mark.parametrize("ink", [0, 255])
def test_letters_on_transparent_ground_differ_from_what_is_put_behind_them(loop: TextLoop, ink: int) -> None:
    pixels = np.dstack([np.full_like(grey(), ink)] * 3 + [255 - grey()])
    seen, _ = loop.steps.pictures.read(png(pixels))
    assert difference(seen, grey() if ink == 0 else 255 - grey()) < 1


def grey() -> NDArray[np.uint8]:
    """What `SHORT` looks like."""
    return np.asarray(Image.open(io.BytesIO(SHORT.content)))


def difference(seen: NDArray[np.uint8], wanted: NDArray[np.uint8]) -> float:
    """On the mean, of 255."""
    return float(np.abs(seen.astype(float) - wanted[:, :, np.newaxis]).mean())


def test_a_photograph_that_says_it_is_turned_is_read_upright_and_its_boxes_are_those_of_the_upright_one(
    loop: TextLoop,
) -> None:
    image = Image.open(io.BytesIO(SHORT.content))
    exif, file = Image.Exif(), io.BytesIO()
    exif[0x0112] = 6  # to be turned a quarter clockwise
    image.transpose(Image.Transpose.ROTATE_90).convert("RGB").save(file, "JPEG", exif=exif, quality=95)
    found = loop.read(file.getvalue())
    assert found["text"].split("\n") == list(SHORT.lines)
    right = max(corner[0] for line in found["lines"] for corner in line["box"])
    assert right > image.height  # it would not be, were the boxes in the file's own rows and columns
    assert right <= image.width


@pytest.mark.parametrize("orientation", range(10))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF", "WEBP"])
def test_whatever_the_file_says_about_its_orientation_is_seen_as_pillow_sees_it(
    loop: TextLoop, kind: str, orientation: int
) -> None:
    exif, file = Image.Exif(), io.BytesIO()
    exif[0x0112] = orientation
    Image.open(io.BytesIO(SHORT.content)).convert("RGB").save(file, kind, exif=exif, quality=95)
    upright = ImageOps.exif_transpose(Image.open(file))
    seen, size = loop.steps.pictures.read(file.getvalue())
    assert size == upright.size
    assert difference(seen, np.asarray(upright.convert("L"))) < 1


def test_a_large_picture_is_seen_as_a_small_one(loop: TextLoop) -> None:
    large = np.kron(grey(), np.ones((12, 12), np.uint8))
    assert large.shape[1] > 2 * loop.steps.pictures.LONGEST
    seen, size = loop.steps.pictures.read(png(large))
    assert size == (large.shape[1], large.shape[0])
    assert seen.shape[1] == loop.steps.pictures.LONGEST
    small = Image.fromarray(large).resize((seen.shape[1], seen.shape[0]), Image.Resampling.BOX)
    assert difference(seen, np.asarray(small)) < 2


def test_boxes_lie_in_the_picture_as_it_was_sent_however_large_it_is(loop: TextLoop) -> None:
    small = Image.open(io.BytesIO(SHORT.content))
    large = np.asarray(small.resize((small.width * 6, small.height * 6), Image.Resampling.BICUBIC))
    assert large.shape[1] > loop.steps.pictures.LONGEST
    found, scaled = loop.read(SHORT.content)["lines"], loop.read(png(large))["lines"]
    assert [line["text"] for line in scaled] == [line["text"] for line in found]
    for one, other in zip(found, scaled, strict=True):
        assert np.abs(np.array(other["box"]) / 6 - np.array(one["box"])).max() < 4


# --- what is no picture, or too much of one -----------------------------------------------------------------------


@pytest.mark.parametrize("content", [b"", b"hello", b"\x89PNG\r\n\x1a\n", b"%PDF-1.7", b"\x00" * 4096])
def test_what_is_no_picture_is_refused_in_words(loop: TextLoop, content: bytes) -> None:
    refused = refusal(loop, content)
    assert refused.status == 400
    assert "no picture; served are PNG, JPEG" in refused.problem


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "TIFF"])
def test_a_picture_that_breaks_off_is_refused_in_words(loop: TextLoop, kind: str) -> None:
    file = io.BytesIO()
    noise = np.random.default_rng(1).integers(0, 256, (200, 200, 3), np.uint8)
    Image.fromarray(noise).save(file, kind)
    refused = refusal(loop, file.getvalue()[:9_000])
    assert refused.status == 400
    assert "picture" in refused.problem


@given(content=st.binary(max_size=200), magic=st.sampled_from([b"", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"GIF89a"]))
def test_no_bytes_at_all_do_more_than_be_refused(loop: TextLoop, content: bytes, magic: bytes) -> None:
    with pytest.raises(RequestError) as caught:
        loop.steps.prepare(magic + content)
    assert caught.value.status in {400, 413}


@pytest.mark.parametrize("side", [10_000, 2**31 - 1])
def test_a_hundred_megapixels_are_refused_by_the_header_alone(loop: TextLoop, side: int) -> None:
    header = b"IHDR" + struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    bomb = b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + header + struct.pack(">I", zlib.crc32(header))
    bomb += struct.pack(">I", 1 << 20) + b"IDAT"  # and no pixel follows: to decode it would be another error
    refused = refusal(loop, bomb)
    assert refused.status == 413
    assert f"{side} x {side} pixels, more than 50,000,000" in refused.problem


@pytest.mark.parametrize(
    "pixels", [WHITE[:1, :1], WHITE, np.zeros((1, 2_000), np.uint8), np.zeros((2_000, 1), np.uint8)]
)
def test_where_there_is_no_text_there_are_no_lines(loop: TextLoop, pixels: NDArray[np.uint8]) -> None:
    assert loop.read(png(pixels)) == {"text": "", "lines": []}


def test_two_thousand_regions_are_cut_for_the_limit_of_the_service_to_count(loop: TextLoop) -> None:
    found = cut(loop, count=2_000)
    assert len(found["crops"]) == 2_000
    assert found["boxes"].shape == (2_000, 4, 2)


def test_more_than_fits_into_memory_at_ease_is_refused(loop: TextLoop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop.steps, "MOST_COLUMNS", 1_000)
    with pytest.raises(RequestError) as caught:
        cut(loop, count=90)
    assert caught.value.status == 413


def cut(loop: TextLoop, count: int) -> dict[str, Any]:
    """What is cut of a white sheet whose map says that text stands at so many places."""
    probability = np.zeros((1, 1, 1_280, 1_280), np.float32)
    for number in range(count):
        x, y = number % 50 * 25 + 5, number // 50 * 25 + 5
        probability[0, 0, y : y + 8, x : x + 10] = 0.9
    sheet = np.full((1_280, 1_280, 3), 255, np.uint8)
    found: dict[str, Any] = loop.steps.cut(probability, sheet, np.array([1_280, 1_280]))
    return found


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


def refusal(loop: TextLoop, content: bytes) -> RequestError:
    with pytest.raises(RequestError) as caught:
        loop.steps.prepare(content)
    return caught.value
