"""Steps of a graph that makes rows of a request, as read-text does: without pictures, so that a test can count on them.

A request is text such as ``3 9 4``: a row of each of these widths. Each row holds its own number everywhere.
"""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Annotated, TypedDict

import numpy as np
from numpy.typing import NDArray

from longspan import Json, Shape

Crops = Annotated[list[NDArray[np.float32]], Shape("batch", 2, "~width")]
Sums = Annotated[NDArray[np.float32], Shape("batch")]
Texts = Annotated[list[str], Shape("batch")]

MEETING = threading.Barrier(2)


class Cut(TypedDict):
    crops: Crops
    any: bool
    mark: str


def cut(content: bytes) -> Cut:
    """``wait 0.5`` before the widths sleeps first; ``bad`` after them spoils a later step."""
    words = content.decode().split()
    if words[:1] == ["wait"]:
        Path("waiting").touch()
        time.sleep(float(words[1]))
        words = words[2:]
    widths = [int(word) for word in words if word.isdigit()]
    crops = [np.full((2, width), number + 1, np.float32) for number, width in enumerate(widths)]
    return {"crops": crops, "any": bool(widths), "mark": " ".join(word for word in words if not word.isdigit())}


class Letters:
    """What follows the model: the sum of each row as a word."""

    def __call__(self, sums: Sums, mark: str) -> Texts:
        """Of a marked request one word too few, or none of its kind."""
        with Path("runs").open("a") as file:
            file.write(f"{len(sums)}\n")
        words = [f"{total:g}" for total in sums]
        if mark == "short":
            return words[1:]
        if mark == "numbers":
            return [7 for _ in words]  # type: ignore[misc]
        return words


def plain(sums: Sums) -> Texts:
    """The same for rows of several requests at once; fails when a row of them is 13 wide, and the third."""
    with Path("runs").open("a") as file:
        file.write(f"{len(sums)}\n")
    if (sums == 78).any():
        raise ValueError("unlucky")
    return [f"{total:g}" for total in sums]


def assemble(texts: Texts | None, doubled: Crops | None) -> Json:
    if doubled is None:
        return {"texts": texts, "shapes": None}
    return {"texts": texts, "shapes": [list(crop.shape) for crop in doubled]}


def words(texts: Texts) -> Json:
    return texts


def meet(content: bytes) -> bytes:
    """Returns when the other branch is in its own `meet`."""
    MEETING.wait(10)
    return content


def both(left: bytes, right: bytes) -> Json:
    return {"left": left.decode(), "right": right.decode()}


def pair(given: Annotated[NDArray[np.float32], Shape("batch", 2)]) -> Annotated[NDArray[np.float32], Shape("batch", 2)]:
    return given
