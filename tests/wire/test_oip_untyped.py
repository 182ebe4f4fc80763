"""Does a caller without a signature say exactly what an endpoint reads, and read exactly what it says?"""

from __future__ import annotations

import contextlib

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from longspan.base.signatures import TensorType
from longspan.wire.oip import InferCodec, untyped
from longspan.wire.tensors import NUMPY, Tensor, TensorError

EVERY = {
    dtype.lower(): np.array([[b"", b"a", b"\xc3\xa9"]] if dtype == "BYTES" else [[0, 1, 1], [1, 0, 1]], numpy)
    for dtype, numpy in NUMPY.items()
}
"""An array of each data type, by its name in lower case."""


def codec(arrays: dict[str, Tensor]) -> InferCodec:
    """The endpoint's side: takes these arrays and gives them back."""
    types = {name: TensorType(name.upper(), array.shape) for name, array in arrays.items()}
    return InferCodec("echo", "7", types, types)


def echoed(arrays: dict[str, Tensor], *, binary: bool, outputs: tuple[str, ...] = ()) -> untyped.Answered:
    """What comes back from an endpoint that gives its inputs as outputs."""
    parts = untyped.encode(arrays, outputs, binary=binary)
    length = len(parts[0]) if binary else None
    endpoint = codec(arrays)
    request = endpoint.decode(b"".join(parts), length)
    answer = endpoint.encode(request, request.inputs)
    return untyped.decode(answer.body, answer.header_length)


@pytest.mark.parametrize("binary", [True, False], ids=["binary", "json"])
def test_arrays_of_every_type_come_back_as_they_went(binary: bool) -> None:
    answered = echoed(EVERY, binary=binary)
    assert (answered.model, answered.version) == ("echo", "7")
    assert list(answered.outputs) == list(EVERY)
    for name, array in EVERY.items():
        came = answered.outputs[name]
        assert (came.dtype, came.shape) == (array.dtype, array.shape)
        np.testing.assert_array_equal(came, array)


def test_only_the_outputs_that_are_wanted_come() -> None:
    assert list(echoed(EVERY, binary=True, outputs=("int8", "bytes")).outputs) == ["int8", "bytes"]


@pytest.mark.parametrize("binary", [True, False], ids=["binary", "json"])
@pytest.mark.parametrize("dtype", NUMPY)
def test_however_an_array_lies_in_memory_its_elements_go(dtype: str, binary: bool) -> None:
    base = EVERY[dtype.lower()]
    layouts = {
        "columns": np.asfortranarray(base), "backwards": base[::-1, ::-1], "every other": base[:, ::2],
        "no rows": base[:0], "no columns": base[:, :0], "one, without a dimension": base[0, :1].reshape(()),
        "repeated": np.broadcast_to(base[:1], (4, 3)), "thirty dimensions": base.reshape((1,) * 30 + base.shape),
        "another byte order": base if dtype == "BYTES" else base.astype(base.dtype.newbyteorder(">")),
    }  # fmt: skip
    request = untyped.encode(layouts, binary=binary)
    # A request's tensors stand as those of an answer do.
    head = msgspec.json.encode({"outputs": msgspec.json.decode(request[0])["inputs"]})
    came = untyped.decode(b"".join([head, *request[1:]]), len(head) if binary else None).outputs
    assert {name: array.shape for name, array in came.items()} == {name: a.shape for name, a in layouts.items()}
    assert {name: array.tolist() for name, array in came.items()} == {name: a.tolist() for name, a in layouts.items()}


def test_text_goes_as_utf8_and_another_byte_order_or_layout_is_turned() -> None:
    given = {"bytes": np.array(["é", ""]), "fp32": np.array([[1, 2], [3, 4]], ">f4").T}
    outputs = echoed(given, binary=True).outputs
    assert outputs["bytes"].tolist() == ["é".encode(), b""]
    assert outputs["fp32"].tolist() == [[1, 3], [2, 4]]


def test_tensors_are_not_copied_on_their_way_out() -> None:
    array = np.zeros(1000, np.float32)
    head, tensor = untyped.encode({"x": array})
    assert np.shares_memory(np.frombuffer(tensor, "u1"), array)
    assert len(head) % 16 == 0


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (np.zeros(1, np.complex64), "input 'x' is an array of complex64, for which there is no data type"),
        (np.array([b"a"], "S1"), r"an array of \|S1, of which numpy drops zero bytes at the end"),
        (np.array(["2026-11-24"], "M8[D]"), r"an array of datetime64\[D\], for which there is no data type"),
        (np.array(["a", None], np.dtypes.StringDType(na_object=None)), "element 1 is NoneType, must be bytes or str"),
        (np.array([b"a", 1], object), "element 1 is int, must be bytes or str"),
        ([1.0], "is no numpy array but list"),
    ],
)
def test_what_no_data_type_can_hold_is_told_before_it_is_sent(value: Tensor, text: str) -> None:
    with pytest.raises(TensorError, match=text):
        untyped.encode({"x": value})


def test_one_text_in_the_place_of_names_is_told_before_it_is_sent() -> None:
    with pytest.raises(TensorError, match="outputs is one text, 'species'"):
        untyped.encode({}, "species")


def test_what_json_cannot_hold_is_told_before_it_is_sent() -> None:
    with pytest.raises(TensorError, match="nan"):
        untyped.encode({"x": np.array([np.nan])}, binary=False)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b'{"outputs": 1}',
        b'{"outputs": [{"name": "x", "shape": [1], "datatype": "FP31", "data": [1]}]}',
        b'{"outputs": [{"name": "x", "shape": [-1], "datatype": "FP32", "data": [1]}]}',
        b'{"outputs": [{"name": "x", "shape": [2], "datatype": "FP32", "data": [1]}]}',
        b'{"outputs": [{"name": "x", "shape": [0, %d], "datatype": "FP32", "data": []}]}' % (1 << 90),
        b'{"outputs": [{"name": "x", "shape": [%b1], "datatype": "FP32", "data": [1]}]}' % (b"1," * 99),
        b'{"outputs": [{"name": "x", "shape": [1], "datatype": "FP32", "data": ["1"]}]}',
        b'{"outputs": [{"name": "x", "shape": [1], "datatype": "FP32", "parameters": {"binary_data_size": 4}}]}',
        b'{"outputs": [' + b"[" * 100_000,
        b'{"outputs": [' + b'{"name": "x", "shape": [1], "datatype": "FP32", "data": [1]},' * 2 + b"]}",
    ],
    ids=lambda body: repr(body[:60]),
)
def test_an_answer_that_is_none_is_one_error(body: bytes) -> None:
    with pytest.raises(TensorError):
        untyped.decode(body, None)


@given(data=st.data())
def test_no_bytes_raise_anything_else(data: st.DataObject) -> None:
    endpoint = codec(EVERY)
    parts = untyped.encode(EVERY)
    request = endpoint.decode(b"".join(parts), len(parts[0]))
    answer = endpoint.encode(request, request.inputs)
    where = data.draw(st.integers(0, len(answer.body)))
    body = answer.body[:where] + data.draw(st.binary(max_size=8)) + answer.body[where + data.draw(st.integers(0, 8)) :]
    with contextlib.suppress(TensorError):
        untyped.decode(body, data.draw(st.sampled_from([None, answer.header_length, 0, 1 << 40])))
