"""Rows of different sizes: what a step gives that makes many parts of one request, each as large as it is.

A value of the graph is one array, or `Rows`: ``FP32[batch, 3, 48, ~width]`` is a list of arrays of shape
[3, 48, width]. Rows never cross a socket: `batching` puts those of a size together before they are run or sent.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray


class Rows:
    """Rows in order. `arrays`: each without the dimension `batch`, all of one data type and one rank."""

    __slots__ = ("arrays", "dtype")

    def __init__(self, arrays: Sequence[NDArray[Any]], dtype: np.dtype[Any]) -> None:
        self.arrays, self.dtype = arrays, dtype

    @property
    def shape(self) -> tuple[int, ...]:
        """Only the number of rows: the other sizes are each row's own."""
        return (len(self.arrays),)
