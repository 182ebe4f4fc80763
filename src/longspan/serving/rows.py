"""Rows of different sizes: what a step gives that makes many parts of one request, each as large as it is.

A value of the graph is one array, or `Rows`: ``FP32[batch, 3, 48, ~width]`` is a list of arrays of shape
[3, 48, width]. Rows never cross a socket: `fan` puts those of a size together before they are run or sent.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from longspan.base.signatures import TensorType
from longspan.wire.tensors import NUMPY


class Rows:
    """Rows in order. `arrays`: each without the dimension `batch`, all of one data type and one rank."""

    __slots__ = ("arrays", "dtype")

    def __init__(self, arrays: Sequence[NDArray[Any]], dtype: np.dtype[Any]) -> None:
        self.arrays, self.dtype = arrays, dtype

    @property
    def shape(self) -> tuple[int, ...]:
        """Only the number of rows: the other sizes are each row's own."""
        return (len(self.arrays),)


def free(tensor: TensorType) -> bool:
    """Has a row of it a dimension that is not fixed?"""
    return any(isinstance(size, str) for size in tensor.shape[1:])


def alike(value: Any) -> Hashable:
    """Equal for values whose rows may stand in one: a value of the graph, or None (an optional input left out)."""
    if value is None:
        return None
    return (value.dtype,) if isinstance(value, Rows) else (value.dtype, value.shape[1:])


def join(values: Sequence[Any]) -> Any:
    """The rows of all, in order. The values are `alike`; None stays None."""
    first = values[0]
    if first is None:
        return None
    if isinstance(first, Rows):
        return Rows([row for value in values for row in value.arrays], first.dtype)
    return np.concatenate(values)


def part(value: Any, first: int, last: int) -> Any:
    """Rows `first` to `last` (not included) of a value."""
    return Rows(value.arrays[first:last], value.dtype) if isinstance(value, Rows) else value[first:last]


def none_of(tensor: TensorType, *, padded: bool) -> Any:
    """No rows of this type: `Rows` without any, or an array whose free dimensions are all 0.

    `padded`: a padded step gives it, so that rows with a free dimension are of different sizes.
    """
    dtype = NUMPY[tensor.dtype]
    if tensor.ragged or (padded and free(tensor)):
        return Rows([], dtype)
    return np.zeros([size if isinstance(size, int) else 0 for size in tensor.shape], dtype)
