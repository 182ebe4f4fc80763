"""In which order is what stands in a picture read?

The picture may have been turned: what most of the text does (run to the right, up or down, more or less slanted)
says how the page lies. Then line by line from its upper edge, each line from its beginning.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

UPRIGHT, DOWN, UP = 0, 1, -1
"""How a piece of text runs, in quarter turns clockwise: to the right, from above down, from below up."""
LONG = 2
"""A piece this many times as long as it is high has an angle to go by."""


def in_order(boxes: NDArray[np.float32], turns: NDArray[np.int8]) -> list[int]:
    """The rows of `boxes` in reading order.

    `boxes`: [n, 4, 2], the corners in x and y, clockwise from the upper left. `turns`: [n], how the text in each runs.
    """
    if not len(boxes):
        return []
    edges = np.stack([boxes[:, 1] - boxes[:, 0], boxes[:, 3] - boxes[:, 0]], 1).astype(np.float64)
    width, height = np.moveaxis(np.hypot(edges[:, :, 0], edges[:, :, 1]), 1, 0)
    aside = turns != UPRIGHT
    length, thickness = np.where(aside, (height, width), (width, height))
    quarter = max((UPRIGHT, DOWN, UP), key=lambda turn: float(length[turns == turn].sum()))
    alike = turns == quarter
    slant = _median(_angles(edges[:, 0])[alike], np.where(length >= LONG * thickness, length, 0)[alike])
    angle = slant + quarter * np.pi / 2
    middle = boxes.mean(1, dtype=np.float64)
    along = middle[:, 0] * np.cos(angle) + middle[:, 1] * np.sin(angle)
    down = middle[:, 1] * np.cos(angle) - middle[:, 0] * np.sin(angle)
    rows = _rows(down, np.where(alike, thickness, length))
    return [row for line in rows for row in sorted(line, key=lambda row: float(along[row]))]


def _rows(down: NDArray[np.float64], high: NDArray[np.float64]) -> list[list[int]]:
    """Those that stand beside one another: their middles are less than half the lower one's height apart."""
    lines: list[list[int]] = []
    for row in np.argsort(down, kind="stable").tolist():
        if lines:
            line = lines[-1]
            if down[row] - down[line].mean() < min(high[line].min(), high[row]) / 2:
                line.append(row)
                continue
        lines.append([row])
    return lines


def _angles(edges: NDArray[np.float64]) -> NDArray[np.float64]:
    """Of vectors [n, 2], in radians, clockwise from the right."""
    return np.arctan2(edges[:, 1], edges[:, 0])


def _median(values: NDArray[np.float64], weights: NDArray[np.float64]) -> float:
    """The value at half of all weight; 0 where nothing has any."""
    if not weights.any():
        return 0.0
    order = np.argsort(values)
    reached = np.cumsum(weights[order])
    return float(values[order][np.searchsorted(reached, reached[-1] / 2)])
