"""What a step returns, held against its type: given on as it is, cast without loss, or refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given

from longspan.base.signatures import TensorType
from longspan.serving.runtimes.python.values import check
from longspan.wire.tensors import Tensor, TensorError
from tests.wire.tensors_drawn import same, tensors


@given(tensors(text=False))
def test_an_array_of_the_right_type_is_given_on_as_it_is(drawn: tuple[TensorType, Tensor]) -> None:
    tensor, array = drawn
    assert check("output 'y'", tensor, array, {}) is array
    turned = check("output 'y'", TensorType(tensor.dtype, tensor.shape[::-1]), array.T, {})
    assert turned.flags.c_contiguous
    assert same(turned, array.T)


@given(tensors(text=False, least_rank=1))
def test_plain_lists_are_as_good_as_arrays(drawn: tuple[TensorType, Tensor]) -> None:
    tensor, array = drawn
    assert same(check("output 'y'", tensor, array.tolist(), {}), array)


@given(tensors(text=False), tensors(text=False))
def test_an_array_is_cast_without_loss_or_refused(
    one: tuple[TensorType, Tensor], other: tuple[TensorType, Tensor]
) -> None:
    wanted, array = TensorType(one[0].dtype, other[0].shape), other[1]
    try:
        came = check("output 'y'", wanted, array, {})
    except TensorError:
        wide = array.dtype.kind in "iu" and array.dtype.itemsize == 8 and one[1].dtype.kind == "f"
        assert (
            wide or not np.can_cast(array.dtype, one[1].dtype, "safe") or "O" in (array.dtype.kind, one[1].dtype.kind)
        )
        return
    assert came.dtype == one[1].dtype
    assert np.array_equal(came.astype(array.dtype), array)


class Table(np.ndarray[Any, np.dtype[np.float32]]):
    """As numpy's matrix is one, whose rows are no vectors."""


def test_an_array_of_a_kind_of_its_own_becomes_an_ordinary_one() -> None:
    wanted, ones = TensorType("FP32", ("batch", 2)), np.ones((3, 2), np.float32)
    for odd in (ones.view(Table), np.ma.masked_array(ones, mask=False)):
        came = check("output 'y'", wanted, odd, {})
        assert type(came) is np.ndarray
        assert same(came, ones)


def test_what_is_masked_is_not_given_on_as_if_it_were_not() -> None:
    masked = np.ma.masked_array(np.ones(2, np.float32), mask=[True, False])
    with pytest.raises(TensorError, match=r"an array with masked elements came: fill them in with \.filled"):
        check("output 'y'", TensorType("FP32", (2,)), masked, {})
