"""Do the steps of examples/read-text read what stands in a picture, no worse than the package that ships the models?

Here the steps are plain calls, and test_read_text_parts.py looks at the parts of them;
tests/journeys/test_read_text.py asks the running service.
"""

from __future__ import annotations

import io
import struct
import zlib
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


def refusal(loop: TextLoop, content: bytes) -> RequestError:
    with pytest.raises(RequestError) as caught:
        loop.steps.prepare(content)
    return caught.value
