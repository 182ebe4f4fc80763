"""Pictures with known text: drawn in several fonts, sizes, angles, noises and contrasts, and photographs.

Drawn ones are the same at each run. Where the photographs come from is told in ``photographs/README.md``; their text
was written down by looking at them.
"""

from __future__ import annotations

import io
import random
from collections.abc import Iterator
from importlib.metadata import distribution
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

REPOSITORY = Path(__file__).parents[1]
PHOTOGRAPHS = Path(__file__).parent / "photographs"

FONTS = {
    "lato": ("font-lato", "font_lato/files/Lato-Regular.ttf"),
    "lato-bold-italic": ("font-lato", "font_lato/files/Lato-BoldItalic.ttf"),
    "serif": ("font-source-serif-pro", "font_source_serif_pro/files/SourceSerifPro-Regular.otf"),
    "serif-italic": ("font-source-serif-pro", "font_source_serif_pro/files/SourceSerifPro-It.otf"),
    "caladea": ("font-caladea", "font_caladea/files/Caladea-Regular.ttf"),
    "round": ("font-fredoka-one", "font_fredoka_one/files/FredokaOne-Regular.ttf"),
    "aileron": ("", ""),
}
"""Name -> package and file; without a package: the one that Pillow holds. All are free: OFL, Apache-2.0 and CC0."""

_VOCABULARY = """
amber bridge candle delivery engine freight garden harbour invoice journey kettle ladder meadow notice orchard packet
quarry receipt signal timber uniform village weather xylophone yellow zinc bread coffee paper window station morning
customer quantity discount balance account payment transfer machine pressure valve filter
"""
_WORDS = _VOCABULARY.split()


class Picture(NamedTuple):
    """A file as it may be sent, and what stands on it, line by line."""

    name: str
    content: bytes
    lines: tuple[str, ...]

    @property
    def text(self) -> str:
        return " ".join(self.lines)


def photographs() -> Iterator[Picture]:
    """Seven of them, from packages that ship them under a free licence."""
    yield _photograph(
        REPOSITORY / "examples/read-text/page.png",
        "Region-based segmentation",
        "Let us first determine markers of the coins and the",
        "background. These markers are pixels that we can label",
        "unambiguously as either object or background. Here,",
        "the markers are found at the two extreme parts of the",
        "histogram of grey values:",
        ">>> markers = np.zeros_like(coins)",
    )
    yield _photograph(
        PHOTOGRAPHS / "no-parking-notice.jpg", "NOTICE", "DOUBLE", "PARKING", "PROHIBITED", "AT ALL TIMES"
    )
    yield _photograph(
        PHOTOGRAPHS / "sports-centre.jpg", "Sports Centre", "Wivenhoe Park", "Conference Centre", "Car Parks"
    )
    yield _photograph(PHOTOGRAPHS / "copy-centre.jpg", "the copy centre")
    yield _photograph(PHOTOGRAPHS / "generator.jpg", "GM 125")
    yield _photograph(PHOTOGRAPHS / "barriers.jpg", "NO PARKING", "NO PARKING")
    yield _photograph(
        PHOTOGRAPHS / "galleries.jpg", "priory", "galleries", "at", "the ship", "priory galleries at the ship"
    )


def drawn() -> Iterator[Picture]:
    """Forty: each font at each size, then one font under growing angles, noises and fading contrasts."""
    number = 0
    for font in FONTS:
        for size in (13, 20, 36):
            number += 1
            yield draw(f"{font} {size} px", number, font=font, size=size)
    for angle in (1.5, -3, 6, -10, 15, 90, -90):
        number += 1
        yield draw(f"turned by {angle} degrees", number, font="lato", angle=angle)
    for noise in (8, 20, 40):
        for font in ("lato", "serif"):
            number += 1
            yield draw(f"{font}, noise {noise}", number, font=font, noise=noise)
    for contrast in (0.5, 0.25, 0.12):
        number += 1
        yield draw(f"contrast {contrast}", number, font="lato", contrast=contrast)
    yield draw("light on dark", number + 1, font="lato", inverted=True)
    yield draw("one line of 72 px", number + 2, font="lato", size=72, lines=1)
    yield draw("twenty lines", number + 3, font="lato", size=18, lines=20)


def draw(
    name: str,
    seed: int,
    *,
    font: str = "aileron",
    size: int = 24,
    angle: float = 0,
    noise: float = 0,
    contrast: float = 1,
    inverted: bool = False,
    lines: int = 5,
) -> Picture:
    """Dark text on light ground, as a PNG. `size` in pixels, `angle` in degrees counter-clockwise, `noise` the
    standard deviation of each pixel of 0 to 255, `contrast` the share of that range between text and ground. The
    default font needs no package but Pillow.
    """
    chance = random.Random(seed)
    text = tuple(_line(chance) for _ in range(lines))
    face = _font(font, size)
    margin, spacing = 2 * size, round(size * 1.6)
    width = round(max(face.getlength(line) for line in text)) + 2 * margin
    image = Image.new("L", (width, spacing * lines + 2 * margin), 255)
    pen = ImageDraw.Draw(image)
    for number, line in enumerate(text):
        pen.text((margin, margin + number * spacing), line, 0, font=face)
    image = image.rotate(angle, Image.Resampling.BICUBIC, expand=True, fillcolor=255)
    grey = 255 - (255 - np.asarray(image, np.float64)) * contrast
    grey -= (1 - contrast) * 60  # Fading text stands on greyer ground.
    if inverted:
        grey = 255 - grey
    grey += np.random.default_rng(seed).normal(0, noise, grey.shape) if noise else 0
    return Picture(name, png(np.clip(grey, 0, 255).astype(np.uint8)), text)


def regions(count: int) -> Picture:
    """So many numbers of two digits on a sheet, each far enough from the next to be a region of its own."""
    face, across, down, columns = _font("aileron", 16), 64, 28, 30
    words = [str(number % 90 + 10) for number in range(count)]
    image = Image.new("L", (columns * across, -(-count // columns) * down), 255)
    pen = ImageDraw.Draw(image)
    for number, word in enumerate(words):
        pen.text((number % columns * across + 8, number // columns * down + 4), word, 0, font=face)
    return Picture(f"{count} regions", png(np.asarray(image)), tuple(words))


def png(pixels: NDArray[np.generic]) -> bytes:
    """A PNG of UINT8 or UINT16 [rows, columns], or UINT8 [rows, columns, 3 or 4] in RGB."""
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


def _line(chance: random.Random) -> str:
    """A few words, and now and then a number, a price, a date or an address."""
    words = chance.sample(_WORDS, chance.randint(2, 4))
    words[0] = words[0].capitalize()
    match chance.randint(0, 5):
        case 0:
            words.append(f"{chance.randint(1, 9)},{chance.randint(100, 999)}.{chance.randint(10, 99)}")
        case 1:
            words.append(f"No. {chance.randint(1000, 99999)}")
        case 2:
            words.append(f"{chance.randint(2000, 2030)}-{chance.randint(10, 12)}-{chance.randint(10, 28)}")
        case 3:
            words.append(f"({chance.choice(_WORDS)}@{chance.choice(_WORDS)}.org)")
    return " ".join(words)


def _font(name: str, size: int) -> ImageFont.FreeTypeFont:
    package, file = FONTS[name]
    if package:
        return ImageFont.truetype(str(distribution(package).locate_file(file)), size)
    font = ImageFont.load_default(size)
    assert isinstance(font, ImageFont.FreeTypeFont)
    return font


def _photograph(path: Path, *lines: str) -> Picture:
    return Picture(path.stem, path.read_bytes(), lines)
