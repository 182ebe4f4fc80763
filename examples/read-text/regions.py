"""Where in a picture does text stand, and how is each piece laid straight?

The detection model gives for each pixel how probable it is that text stands there, the text shrunk to its core. Cores
that hang together are one region; its rectangle is grown by what shrinking took away.

Source: Liao et al., Real-time Scene Text Detection with Differentiable Binarization, AAAI 2020 (the probability map,
the threshold, growing by area * ratio / perimeter). A rectangle offset by a distance and bounded by a rectangle again
is the rectangle with that much more on each side, so no polygon is clipped here.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]

THRESHOLD = 0.3
"""A pixel of at least this probability belongs to a core."""
SURE = 0.5
"""The least mean probability of a region."""
GROW = 1.6
"""Rectangles are grown on each side by area * this / perimeter."""
LEAST_CORE, LEAST_SIDE = 3, 5
"""Pixels of the map: the shorter side of a core, and of what is grown from it."""
HEIGHT = 48
"""Rows of pixels of what the recognition model reads."""
WIDEST = 3200
"""Columns of pixels: a longer line is squeezed."""
TALL = 1.5
"""A region this many times as high as wide holds text that stands on its side."""


class Region(NamedTuple):
    """A rectangle in the picture. `angle`: of its upper edge in radians, clockwise, within an eighth of a turn."""

    x: float
    y: float
    width: float
    height: float
    angle: float

    @property
    def tall(self) -> bool:
        """Does its text stand on its side?"""
        return self.height >= self.width * TALL

    def corners(self) -> NDArray[np.float64]:
        """[4, 2] as x, y: upper left, upper right, lower right, lower left."""
        right = np.array([np.cos(self.angle), np.sin(self.angle)])
        down = np.array([-right[1], right[0]])
        signs = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) / 2
        return np.asarray([self.x, self.y] + signs @ np.array([right * self.width, down * self.height]))


def find(probability: NDArray[np.float32], rows: int, columns: int) -> Iterator[Region]:
    """The regions of a picture of `rows` x `columns` pixels by its map [map rows, map columns], in no order."""
    core = (probability > THRESHOLD).view(np.uint8)
    core = np.asarray(cv2.dilate(core, np.ones((2, 2), np.uint8)), np.uint8)
    outlines, _ = cv2.findContours(core, cv2.RETR_LIST, cv2.CHAIN_APPROX_SIMPLE)
    across, down = columns / probability.shape[1], rows / probability.shape[0]
    for outline in outlines:
        (x, y), (width, height), degrees = cv2.minAreaRect(outline)
        if min(width, height) < LEAST_CORE:
            continue
        region = _level(x, y, width, height, np.deg2rad(degrees))
        more = width * height * GROW / (width + height)
        if min(width, height) + more >= LEAST_SIDE and _mean(probability, region.corners()) >= SURE:
            grown = region._replace(width=region.width + more, height=region.height + more)
            yield _scaled(grown, across, down)


def straight(pixels: Pixels, region: Region) -> Pixels:
    """What stands in the region, laid straight, UINT8 [rows, columns, 3] at the size that it has in the picture."""
    width, height = max(1, round(region.width)), max(1, round(region.height))
    source = region.corners()[[0, 1, 3]].astype(np.float32)
    matrix = cv2.getAffineTransform(source, np.array([[0, 0], [width, 0], [0, height]], np.float32))
    laid = cv2.warpAffine(pixels, matrix, (width, height), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(laid, np.uint8)


def to_height(crop: Pixels) -> Pixels:
    """UINT8 [48, columns, 3]: as wide as it is in proportion, at least 1 and at most `WIDEST`."""
    rows, columns = crop.shape[:2]
    width = min(max(1, -(-columns * HEIGHT // rows)), WIDEST)
    how = cv2.INTER_AREA if rows > 2 * HEIGHT else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(crop, (width, HEIGHT), interpolation=how), np.uint8)


def _level(x: float, y: float, width: float, height: float, angle: float) -> Region:
    """The same rectangle, the edge that is nearest to level called its upper one."""
    quarters = round(angle / (np.pi / 2))
    if quarters % 2:
        width, height = height, width
    return Region(x, y, width, height, angle - quarters * np.pi / 2)


def _scaled(region: Region, across: float, down: float) -> Region:
    """The region of the map in the picture. It stays a rectangle, though the two scales may differ by a stride."""
    right, below = np.cos(region.angle), np.sin(region.angle)
    return Region(
        region.x * across,
        region.y * down,
        region.width * float(np.hypot(right * across, below * down)),
        region.height * float(np.hypot(below * across, right * down)),
        float(np.arctan2(below * down, right * across)),
    )


def _mean(probability: NDArray[np.float32], corners: NDArray[np.float64]) -> float:
    """The mean of the map inside a rectangle."""
    rows, columns = probability.shape
    left, top = np.clip(np.floor(corners.min(0)).astype(int), 0, (columns - 1, rows - 1))
    right, bottom = np.clip(np.ceil(corners.max(0)).astype(int), 0, (columns - 1, rows - 1))
    mask = np.zeros((bottom - top + 1, right - left + 1), np.uint8)
    cv2.fillPoly(mask, [(corners - (left, top)).astype(np.int32)], (1,))
    return float(cv2.mean(probability[top : bottom + 1, left : right + 1], mask)[0])
