"""What a tensor looks like as JSON and as bytes, and what is said of one that does not fit."""

from __future__ import annotations

import math
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from longspan.base.dtypes import BY_OIP, TABLE
from longspan.base.signatures import TensorType
from longspan.wire.tensors import (
    TensorError,
    bind,
    from_binary,
    from_json,
    to_binary,
    to_json,
    to_lists,
)
from tests.wire.tensors_drawn import same, tensors

X = "input 'x'"
Drawn = tuple[TensorType, Any]


def said(dtype: str, shape: list[int], data: str) -> str:
    """What is said of data that is refused."""
    with pytest.raises(TensorError) as caught:
        from_json(X, TensorType(dtype, tuple(shape)), shape, data.encode())
    return str(caught.value)


@given(tensors())
def test_json_gives_back_every_type_and_shape(drawn: Drawn) -> None:
    tensor, array = drawn
    assert same(from_json(X, tensor, array.shape, to_json(X, tensor.dtype, array)), array)


@given(tensors(least_rank=1))
def test_nested_json_means_the_same_as_flat_json(drawn: Drawn) -> None:
    tensor, array = drawn
    nested = msgspec.json.encode(to_lists(X, array))
    assert same(from_json(X, tensor, array.shape, nested), array)
    assert same(from_json(X, tensor, array.shape, msgspec.json.format(nested, indent=2)), array)


@given(tensors(text=False))
def test_binary_gives_back_every_type_and_shape(drawn: Drawn) -> None:
    tensor, array = drawn
    assert same(from_binary(X, tensor, array.shape, to_binary(array)), array)


@given(tensors(text=False), st.integers(1, 7))
def test_binary_data_may_begin_at_any_byte(drawn: Drawn, offset: int) -> None:
    tensor, array = drawn
    body = memoryview(bytes(offset) + to_binary(array))[offset:]
    given_back = from_binary(X, tensor, array.shape, body)
    assert same(given_back, array)
    assert given_back.flags.aligned


@given(st.sampled_from(TABLE), st.lists(st.integers(0, 5), max_size=3), st.binary(max_size=64))
def test_any_bytes_are_a_tensor_or_a_tensor_error(row: Any, shape: list[int], data: bytes) -> None:
    tensor = TensorType(row.oip, tuple(shape))
    for read in (from_json, from_binary):
        try:
            array = read(X, tensor, shape, data)
        except TensorError:
            continue
        assert array.shape == tuple(shape)


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4),
    max_leaves=12,
)


@given(st.sampled_from(TABLE), st.lists(st.integers(0, 3), max_size=3), JSON_VALUES)
def test_any_json_is_exactly_what_it_says_or_a_tensor_error(row: Any, shape: list[int], value: Any) -> None:
    tensor = TensorType(row.oip, tuple(shape))
    try:
        array = from_json(X, tensor, shape, msgspec.json.encode(value))
    except TensorError:
        return
    flat = list(_leaves(value))
    if row.kind == "bytes":
        assert [element.decode() for element in array.ravel().tolist()] == flat
    else:
        assert all(isinstance(leaf, bool) == (row.kind == "bool") for leaf in flat)
        assert np.array_equal(array.ravel(), np.array(flat, array.dtype))


def _leaves(value: Any) -> Any:
    if isinstance(value, list):
        for part in value:
            yield from _leaves(part)
    else:
        yield value


@pytest.mark.parametrize(
    ("dtype", "data", "problem"),
    [
        ("INT32", "[1, 2.0]", "INT32[2], elements that are whole numbers; data[1] is a number with a fraction"),
        ("FP32", "[1, true]", "input 'x' takes FP32[2], elements that are numbers; data[1] is true or false"),
        ("FP32", '["1", 2]', "input 'x' takes FP32[2], elements that are numbers; data[0] is a string"),
        ("BOOL", "[1, 0]", "input 'x' takes BOOL[2], elements that are true or false; data[0] is a whole number"),
        ("BYTES", "[1, 2]", "input 'x' takes BYTES[2], elements that are strings; data[0] is a whole number"),
        ("FP64", "[1, null]", "input 'x' takes FP64[2], elements that are numbers; data[1] is null"),
        ("FP64", "7", "input 'x' takes FP64[2], a list; data is a whole number"),
        ("FP64", '{"a": 1}', "input 'x' takes FP64[2], a list; data is an object"),
        ("FP64", "[[1], [2]]", "input 'x' takes FP64[2], elements that are numbers; data[0] is a list"),
        ("FP64", "[1]", "input 'x' of shape [2] has 2 elements; data holds 1"),
        ("INT8", "[0, 300]", "input 'x': element 1 is 300; INT8 holds -128 to 127"),
        ("UINT8", "[0, -1]", "input 'x': element 1 is -1; UINT8 holds 0 to 255"),
        ("UINT64", "[18446744073709551616, 0]", "0 is 18446744073709551616; UINT64 holds 0 to 18446744073709551615"),
        ("FP32", "[0, 1e39]", "input 'x': element 1 is 1e+39; FP32 holds -3.4028"),
        ("FP16", "[70000, 0]", "input 'x': element 0 is 70000.0; FP16 holds -65504.0 to 65504.0"),
        ("FP64", "[1e400, 0]", "input 'x' takes FP64[2]: Number out of range"),
        ("FP64", "[NaN, 0]", "input 'x': data is no JSON list"),
        ("FP64", "", "input 'x': data is no JSON list"),
    ],
)  # fmt: skip
def test_an_element_that_does_not_fit_is_pointed_at(dtype: str, data: str, problem: str) -> None:
    assert problem in said(dtype, [2], data)


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        ("[[1, 2, 3]]", "input 'x' takes FP32[2, 3]; data holds 1 element, by its shape 2"),
        ("[[1, 2, 3], [4, 5]]", "input 'x' takes FP32[2, 3]; data[1] holds 2 elements, by its shape 3"),
        ("[[1, 2, 3], 4]", "input 'x' takes FP32[2, 3], a list; data[1] is a whole number"),
        ("[[[1, 2, 3]], [[4, 5, 6]]]", "input 'x' takes FP32[2, 3], elements that are numbers; data[0][0] is a list"),
    ],
)
def test_a_nested_list_must_have_the_shape_that_is_said(data: str, problem: str) -> None:
    assert said("FP32", [2, 3], data) == problem


def test_depth_without_end_is_refused() -> None:
    assert "takes FP32[1, 1]" in said("FP32", [1, 1], "[" * 100_000)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("dtype", ["FP16", "FP32", "FP64"])
def test_json_never_holds_nan_or_infinity(dtype: str, value: float) -> None:
    array = np.array([[0.5, value]], BY_OIP[dtype].numpy)
    with pytest.raises(
        TensorError, match=r"output 'y' holds (nan|inf|-inf) at element 1, .* ask for it as binary data"
    ):
        to_json("output 'y'", dtype, array)
    with pytest.raises(TensorError, match="at element 1"):
        to_lists("output 'y'", array)


def test_json_never_holds_bytes_that_are_no_text() -> None:
    array = np.array([b"ok", b"\xff"], object)
    with pytest.raises(
        TensorError, match="output 'y' holds bytes that are no UTF-8 text, .* ask for it as binary data"
    ):
        to_json("output 'y'", "BYTES", array)


def test_the_word_null_as_text_is_no_nan() -> None:
    assert to_json("output 'y'", "BYTES", np.array([b"null"], object)) == b'["null"]'


@pytest.mark.parametrize(
    ("dtype", "shape", "data", "problem"),
    [
        ("FP32", [2], b"1234", "input 'x' of shape [2] and FP32 is 8 bytes; 4 came"),
        ("BOOL", [2], b"\x01\x02", "input 'x' is BOOL: each byte is 0 or 1"),
        (
            "BYTES",
            [2],
            b"\x01\0\0\0a\x05\0\0\0b",
            "input 'x': element 1 of 2 runs past the end of the 10 bytes that came",
        ),
        ("BYTES", [1], b"\x01\0\0\0ab", "input 'x': 1 bytes are left over after 1 element"),
        ("BYTES", [3], b"\0\0\0\0", "input 'x' of shape [3] has 3 elements; 4 bytes came"),
    ],
)
def test_binary_data_that_does_not_fit_is_explained(dtype: str, shape: list[int], data: bytes, problem: str) -> None:
    with pytest.raises(TensorError) as caught:
        from_binary(X, TensorType(dtype, tuple(shape)), shape, data)
    assert str(caught.value) == problem


def test_binary_is_little_endian_and_row_major_whatever_the_array_is() -> None:
    array = np.array([[1, 2], [3, 4]], ">i2").T
    assert to_binary(array) == b"\1\0\3\0\2\0\4\0"


def test_a_shape_binds_its_free_dimensions() -> None:
    dims: dict[str, int] = {}
    bind(X, TensorType("FP32", ("batch", 16)), (3, 16), dims)
    bind("input 'y'", TensorType("FP32", ("batch", "n")), (3, 5), dims)
    assert dims == {"batch": 3, "n": 5}


@pytest.mark.parametrize(
    ("shape", "problem"),
    [
        ((16,), "input 'x' takes FP32[batch, n, 16], 3 dimensions; shape [16] has 1"),
        ((2, 4, 15), "input 'x' takes FP32[batch, n, 16]; came shape [2, 4, 15]: dimension 3 is 15, must be 16"),
        ((2, 5, 16), "input 'x' takes FP32[batch, n, 16]; came shape [2, 5, 16]: n is 5 here and 4 elsewhere"),
        ((0, 4, 16), "input 'x' takes FP32[batch, n, 16]; came shape [0, 4, 16]: batch is 0, must be at least 1"),
        ((2, 0, 16), "input 'x' takes FP32[batch, n, 16]; came shape [2, 0, 16]: n is 0, must be at least 1"),
        ((-1, 4, 16), "input 'x' takes FP32[batch, n, 16]; came shape [-1, 4, 16]: batch is -1, must be at least 1"),
    ],
)
def test_a_shape_that_does_not_fit_names_its_dimensions(shape: tuple[int, ...], problem: str) -> None:
    with pytest.raises(TensorError) as caught:
        bind(X, TensorType("FP32", ("batch", "n", 16)), shape, {"n": 4})
    assert str(caught.value) == problem


def test_a_step_may_give_nothing_along_a_free_dimension_but_never_no_rows() -> None:
    bind("output 'boxes'", TensorType("FP32", ("n", 4)), (0, 4), {}, least=0)
    with pytest.raises(TensorError, match="batch is 0"):
        bind("output 'boxes'", TensorType("FP32", ("batch", 4)), (0, 4), {}, least=0)
