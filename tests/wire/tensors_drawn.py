"""Tensors for properties: any data type, any small shape, values to the edges of their range."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from longspan.base.dtypes import TABLE, DType
from longspan.base.signatures import TensorType
from longspan.wire.tensors import Tensor

ROWS = st.sampled_from(TABLE)
SHAPES = hnp.array_shapes(min_dims=0, max_dims=3, min_side=1, max_side=4)


@st.composite
def tensors(draw: st.DrawFn, *, text: bool = True, least_rank: int = 0) -> tuple[TensorType, Tensor]:
    """A type and an array of it, finite. `text`: BYTES are UTF-8, as JSON needs."""
    row: DType = draw(ROWS)
    shape = draw(hnp.array_shapes(min_dims=least_rank, max_dims=3, min_side=1, max_side=4))
    if row.oip == "BYTES":
        size = int(np.prod(shape, dtype=int))
        element: st.SearchStrategy[Any] = st.text(max_size=8).map(str.encode) if text else st.binary(max_size=8)
        array: Tensor = np.empty(size, object)
        array[:] = draw(st.lists(element, min_size=size, max_size=size))
        array = array.reshape(shape)
    else:
        dtype: np.dtype[Any] = np.dtype(row.numpy)
        array = draw(hnp.arrays(dtype, shape, elements=hnp.from_dtype(dtype, allow_nan=False, allow_infinity=False)))
    return TensorType(row.oip, shape), array


def same(left: Tensor, right: Tensor) -> bool:
    """Equal in dtype, shape and every element."""
    return left.dtype == right.dtype and left.shape == right.shape and bool(np.array_equal(left, right))
