"""Calls of the Open Inference Protocol: what the caller encodes our own codec reads, and the other way round."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from longspan.base.errors import RequestError
from longspan.base.signatures import TensorType
from longspan.wire.oip import CallCodec, InferCodec, NotJson
from longspan.wire.tensors import ALIGNMENT, Buffer, Tensor, TensorError
from tests.wire.tensors_drawn import same, tensors

ROWS = {"x": TensorType("FP32", ("batch", 3))}
TEXT = {"text": TensorType("BYTES", ("batch",)), "score": TensorType("FP64", ("batch", "n"))}
CALL = CallCodec(ROWS, TEXT)
WORDS = np.array([b"a", b""], object)


def whole(parts: list[Buffer]) -> bytes:
    return b"".join(parts)


def answer(outputs: Any, tail: bytes = b"", **more: Any) -> tuple[bytes, int]:
    head = json.dumps({"model_name": "m", "outputs": outputs} | more).encode()
    return head + tail, len(head)


def odd(body: bytes, header_length: int | None, rows: int = 0) -> str:
    with pytest.raises(TensorError) as caught:
        CALL.decode(body, header_length, rows=rows)
    return str(caught.value)


@given(tensors(text=False), tensors(text=False), st.booleans())
def test_every_type_arrives_as_it_was_sent_and_comes_back_so(
    first: tuple[TensorType, Tensor], second: tuple[TensorType, Tensor], memory: bool
) -> None:
    types, arrays = {"a": first[0], "b": second[0]}, {"a": first[1], "b": second[1]}
    caller, callee = CallCodec(types, types), InferCodec("m", "1", types, types)
    asked = caller.encode(arrays)
    assert asked.size == len(whole(asked.parts))
    # Into memory that can be written to, as a large body is received.
    body: Buffer = bytearray(whole(asked.parts)) if memory else whole(asked.parts)
    request = callee.decode(body, asked.header_length)
    assert all(same(request.inputs[name], arrays[name]) for name in types)
    encoded = callee.encode(request, request.inputs)
    outputs = caller.decode(encoded.body, encoded.header_length)
    assert all(same(outputs[name], arrays[name]) for name in types)
    received = (*request.inputs.values(), *outputs.values())
    assert not any(array.flags.writeable for array in received if array.dtype.kind != "O")


def test_the_memory_of_an_array_is_sent_and_not_a_copy_of_it() -> None:
    array = np.arange(6, dtype="f4").reshape(2, 3)
    asked = CALL.encode({"x": array})
    assert (asked.rows, asked.header_length % ALIGNMENT) == (2, 0)
    assert np.shares_memory(np.frombuffer(asked.parts[1], "f4"), array)


def test_an_array_that_does_not_lie_in_rows_is_sent_in_rows() -> None:
    array = np.arange(6, dtype="f4").reshape(3, 2).T
    asked = CALL.encode({"x": array})
    assert np.frombuffer(asked.parts[1], "f4").tolist() == array.ravel().tolist()


def test_what_comes_after_a_padded_head_is_read_where_it_lies() -> None:
    types = {"x": TensorType("FP64", ("n",))}
    asked = CallCodec(types, types).encode({"x": np.arange(9.0)})
    body = whole(asked.parts)
    array = InferCodec("m", "1", types, types).decode(body, asked.header_length).inputs["x"]
    assert np.shares_memory(array, np.frombuffer(body, "u1"))


def test_an_optional_input_may_be_left_out_and_no_other() -> None:
    types = {"x": TensorType("FP32", ("n",)), "hint": TensorType("INT64", ("m",))}
    caller = CallCodec(types, ROWS, optional=("hint",))
    callee = InferCodec("m", "1", types, ROWS, optional=("hint",))
    asked = caller.encode({"x": np.ones(2, "f4"), "hint": None})
    assert set(callee.decode(whole(asked.parts), asked.header_length).inputs) == {"x"}
    with pytest.raises(TensorError, match=r"input 'x' \(FP32\[n\]\) is missing"):
        caller.encode({"hint": np.ones(2, "i8")})


def test_between_steps_there_may_be_no_rows_and_from_a_client_there_must() -> None:
    asked = CALL.encode({"x": np.empty((0, 3), "f4")})
    body = whole(asked.parts)
    request = InferCodec("m", "1", ROWS, TEXT, least=0).decode(body, asked.header_length)
    assert (request.rows, request.inputs["x"].shape) == (0, (0, 3))
    with pytest.raises(RequestError, match="batch is 0, must be at least 1"):
        InferCodec("m", "1", ROWS, TEXT).decode(body, asked.header_length)
    nothing = InferCodec("m", "1", ROWS, TEXT).encode(request, {"text": np.empty(0, object), "score": np.empty((0, 2))})
    assert nothing.header_length is not None
    assert CALL.decode(nothing.body, nothing.header_length)["score"].shape == (0, 2)


def test_an_array_of_another_type_is_refused_before_it_is_sent() -> None:
    with pytest.raises(TensorError, match=r"input 'x' is FP32\[batch, 3\]; came an array of float64"):
        CALL.encode({"x": np.ones((1, 3))})


def test_an_answer_may_be_json_too() -> None:
    body, _ = answer(
        [
            {"name": "score", "datatype": "FP64", "shape": [2, 1], "data": [0.5, 1]},
            {"name": "text", "datatype": "BYTES", "shape": [2], "data": ["a", ""]},
        ]
    )
    outputs = CALL.decode(body, None, rows=2)
    assert same(outputs["score"], np.array([[0.5], [1.0]]))
    assert same(outputs["text"], WORDS)


@pytest.mark.parametrize(
    ("outputs", "rows", "problem"),
    [
        ([], 0, "output 'text' (BYTES[batch]), output 'score' (FP64[batch, n]) are missing"),
        ([{"name": "text", "datatype": "BYTES", "shape": [1], "data": ["a"]}], 2, "batch is 1 here and 2 elsewhere"),
        ([{"name": "text", "datatype": "INT8", "shape": [1], "data": [1]}], 0, "output 'text' is BYTES[batch]; came"),
        ([{"name": "sext", "datatype": "BYTES", "shape": [1], "data": ["a"]}], 0, "no output is called 'sext'"),
        ([{"name": "text", "datatype": "BYTES", "shape": [-1], "data": []}], 0, "batch is -1, must be at least 1"),
        ([{"name": "text", "datatype": "BYTES", "shape": [1 << 70], "data": []}], 0, "a huge number"),
        ([{"name": "text", "datatype": "BYTES", "shape": [1]}], 0, "data is no JSON list"),
    ],
)
def test_an_answer_that_was_not_asked_for_is_refused(outputs: Any, rows: int, problem: str) -> None:
    assert problem in odd(answer(outputs)[0], None, rows)


def test_bytes_that_belong_to_nothing_are_refused() -> None:
    head = {"name": "score", "datatype": "FP64", "shape": [1, 1], "parameters": {"binary_data_size": 8}}
    text = {"name": "text", "datatype": "BYTES", "shape": [1], "parameters": {"binary_data_size": 5}}
    body, length = answer([head, text], bytes(8) + b"\1\0\0\0a")
    assert CALL.decode(body, length)["text"].tolist() == [b"a"]
    assert "the last 1 bytes of the body belong to no output" in odd(body + b"x", length)
    assert "runs past the end" in odd(body[:-6] + b"\xff\0\0\0ab", length)
    assert "5; 4 bytes are left in the body" in odd(body[:-1], length)
    assert "header" in odd(body, len(body) + 1)


@given(st.binary(max_size=200), st.none() | st.integers(-1, 250), st.integers(0, 3))
def test_any_bytes_are_an_answer_or_a_tensor_error(body: bytes, header_length: int | None, rows: int) -> None:
    with pytest.raises(TensorError):  # nothing that short holds both outputs
        CALL.decode(body, header_length, rows=rows)


@given(st.data())
def test_a_damaged_answer_is_an_answer_or_a_tensor_error(data: st.DataObject) -> None:
    request = InferCodec("m", "1", ROWS, TEXT)
    asked = CALL.encode({"x": np.ones((2, 3), "f4")})
    encoded = request.encode(
        request.decode(whole(asked.parts), asked.header_length), {"text": WORDS, "score": np.ones((2, 2))}
    )
    body = bytearray(encoded.body)
    for _ in range(data.draw(st.integers(1, 4))):
        body[data.draw(st.integers(0, len(body) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(body)) | st.just(len(body)))
    try:
        outputs = CALL.decode(bytes(body[:cut]), encoded.header_length, rows=2)
    except TensorError:
        return
    assert {name: array.dtype for name, array in outputs.items()} == {"text": np.dtype("O"), "score": np.dtype("f8")}
    assert all(len(array) == 2 for array in outputs.values())


# As JSON, for who knows nothing else


@given(tensors(), tensors())
def test_every_type_goes_as_json_and_comes_back_so(
    first: tuple[TensorType, Tensor], second: tuple[TensorType, Tensor]
) -> None:
    types, arrays = {"a": first[0], "b": second[0]}, {"a": first[1], "b": second[1]}
    caller, callee = CallCodec(types, types, binary=False), InferCodec("m", "1", types, types)
    asked = caller.encode(arrays)
    (body,) = asked.parts
    assert asked.size == len(body)
    request = callee.decode(body, None)
    assert not any(request.asked.values())
    assert all(same(request.inputs[name], arrays[name]) for name in types)
    outputs = caller.decode(callee.encode(request, request.inputs).body, None)
    assert all(same(outputs[name], arrays[name]) for name in types)


def test_a_request_of_json_has_nothing_that_a_plain_server_would_not_know() -> None:
    types = {"text": TensorType("BYTES", (2,)), "flag": TensorType("BOOL", (1,))}
    asked = CallCodec(types, ROWS, binary=False).encode({"text": WORDS, "flag": np.array([True])})
    assert json.loads(whole(asked.parts)) == {
        "inputs": [
            {"name": "text", "datatype": "BYTES", "shape": [2], "data": ["a", ""]},
            {"name": "flag", "datatype": "BOOL", "shape": [1], "data": [True]},
        ],
        "outputs": [{"name": "x"}],
    }


@pytest.mark.parametrize(
    ("name", "array", "problem"),
    [
        ("score", np.array([[0.5, np.nan]]), "input 'score' holds nan at element 1, which JSON cannot"),
        ("text", np.array([b"\xff"], object), "input 'text' holds bytes that are no UTF-8 text, which JSON cannot"),
    ],
)
def test_what_json_cannot_hold_is_refused_and_named(name: str, array: Tensor, problem: str) -> None:
    arrays = {"text": WORDS[:1], "score": np.array([[0.5, 1.0]])} | {name: array}
    with pytest.raises(NotJson, match=problem) as caught:
        CallCodec(TEXT, ROWS, binary=False).encode(arrays)
    assert caught.value.input == name


def test_what_the_protocol_does_not_know_in_an_answer_is_passed_over() -> None:
    body, _ = answer(
        [
            {"name": "score", "datatype": "FP64", "shape": [1, 1], "data": [2.0], "layout": "NCHW"},
            {"name": "text", "datatype": "BYTES", "shape": [1], "data": ["a"], "parameters": {"content_type": "str"}},
        ],
        took_ms=3,
        model_version=None,
    )
    assert CALL.decode(body, None, rows=1)["score"].tolist() == [[2.0]]
