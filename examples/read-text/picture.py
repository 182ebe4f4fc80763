"""Is this a picture that may be read, and how is it given to the models?

The header is read first: what is no picture, or has too many pixels, is refused before a pixel is decoded. What comes
out is upright, opaque, in blue-green-red (the order in which the models were trained) and at most `LONGEST` pixels
wide and high, whatever came in; all later work is bounded by that.
"""

from __future__ import annotations

import io

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from longspan import RequestError

Pixels = NDArray[np.uint8]

FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF")
MOST_PIXELS = 50_000_000
LONGEST = 2000
"""Pixels. Larger pictures are made smaller: letters that vanish by that are no larger than dust in the picture."""
DETECT_SHORT, DETECT_LONG = 480, 1280
"""Pixels of what text is looked for in: the shorter side is brought up to the first, the longer one kept below the
second. Larger ones cost more time and found no more text in benchmarks/pictures.py."""
STRIDE = 32
"""The detection model wants sides that are multiples of this."""

# Pillow warns of large pictures and refuses huge ones by a number of its own; ours is lower and says what to do.
Image.MAX_IMAGE_PIXELS = None

_ORIENTATION = 0x0112
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""Exif's orientation -> what makes the picture upright."""
_ASIDE = range(5, 9)
"""Of these, width and height change places."""


def read(content: bytes) -> tuple[Pixels, tuple[int, int]]:
    """The picture as UINT8 [rows, columns, 3] in BGR, and its own (width, height) when upright.

    Raises `RequestError`: 400 for what is no picture, 413 for one of more than `MOST_PIXELS`.
    """
    try:
        with Image.open(io.BytesIO(content), formats=FORMATS) as image:
            if image.width * image.height > MOST_PIXELS:
                raise RequestError(
                    413,
                    f"the picture has {image.width} x {image.height} pixels, more than {MOST_PIXELS:,} in all; "
                    "make it smaller",
                )
            width, height = image.size
            image.draft("RGB", (LONGEST, LONGEST))  # A JPEG can be decoded at 1/2, 1/4 or 1/8 of its size.
            image.load()  # which turns a TIFF, and no other: only now does the orientation tell what is left to do
            orientation = image.getexif().get(_ORIENTATION, 1)
            turn = _TURNS.get(orientation)
            small = _smaller(image)
            pixels = _bgr(small if turn is None else small.transpose(turn))
    except RequestError:
        raise
    except UnidentifiedImageError:
        raise RequestError(400, f"this is no picture; served are {', '.join(FORMATS)}") from None
    except Exception as error:  # noqa: BLE001 - decoders raise what they like on broken files
        raise RequestError(400, f"the picture cannot be decoded: {error}") from None
    return _within(pixels, LONGEST), (height, width) if orientation in _ASIDE else (width, height)


def for_detection(pixels: Pixels) -> NDArray[np.float32]:
    """FP32 [1, 3, height, width] between -1 and 1, of a size in which the detection model finds text."""
    rows, columns = pixels.shape[:2]
    scale = max(1.0, DETECT_SHORT / min(rows, columns))
    scale = min(scale, DETECT_LONG / max(rows, columns))
    height, width = (max(STRIDE, round(side * scale / STRIDE) * STRIDE) for side in (rows, columns))
    shrinks = height * width < rows * columns
    resized = cv2.resize(pixels, (width, height), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)
    return normalised(np.asarray(resized, np.uint8))[np.newaxis]


def normalised(pixels: Pixels) -> NDArray[np.float32]:
    """UINT8 [rows, columns, 3] as FP32 [3, rows, columns] between -1 and 1."""
    planes = np.ascontiguousarray(pixels.transpose(2, 0, 1), np.float32)
    planes *= np.float32(1 / 127.5)
    planes -= np.float32(1)
    return planes


def _smaller(image: Image.Image) -> Image.Image:
    """A large one by a whole factor, to at least `LONGEST`: all else then costs a few megabytes, not hundreds."""
    factor = max(image.size) // LONGEST
    if factor < 2:
        return image
    if image.mode == "P":
        image = image.convert("RGBA" if image.has_transparency_data else "RGB")
    elif image.mode == "1" or image.mode.startswith("I;"):
        image = image.convert("L" if image.mode == "1" else "I")
    return image.reduce(factor)


def _bgr(image: Image.Image) -> Pixels:
    if image.mode in ("I", "F") or image.mode.startswith("I;"):
        image = _eight_bits(image)
    if image.has_transparency_data:
        image = _opaque(image.convert("RGBA"))
    return np.ascontiguousarray(np.asarray(image.convert("RGB"))[:, :, ::-1])


def _eight_bits(image: Image.Image) -> Image.Image:
    """Grey of more than 8 bits, spread over 8: Pillow would cut it off at 255."""
    grey = np.asarray(image, np.float64)
    low, high = float(grey.min()), float(grey.max())
    return Image.fromarray(((grey - low) * (255 / max(high - low, 1e-9))).astype(np.uint8))


def _opaque(image: Image.Image) -> Image.Image:
    """Laid on white if what is seen of it is dark, else on black: so that letters differ from what is behind them."""
    alpha = np.asarray(image.getchannel("A"), np.float64)
    seen = float((np.asarray(image.convert("L")) * alpha).sum()) / max(float(alpha.sum()), 1.0)
    behind = "white" if seen < 128 else "black"
    return Image.alpha_composite(Image.new("RGBA", image.size, behind), image)


def _within(pixels: Pixels, longest: int) -> Pixels:
    rows, columns = pixels.shape[:2]
    scale = longest / max(rows, columns)
    if scale >= 1:
        return pixels
    size = (max(1, round(columns * scale)), max(1, round(rows * scale)))
    return np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), np.uint8)
