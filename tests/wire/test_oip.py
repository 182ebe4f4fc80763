"""Inference requests and answers of the Open Inference Protocol, as a client sends and sees them."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given

from longspan.base.errors import RequestError
from longspan.base.signatures import TensorType
from longspan.wire import oip
from longspan.wire.oip import InferCodec, InferRequest
from longspan.wire.tensors import Tensor, to_binary
from tests.wire.tensors_drawn import same, tensors

ROW = {"x": TensorType("FP32", ("batch", 16))}
PROBS = {"probs": TensorType("FP32", ("batch", 3))}
TINY = InferCodec("tiny", "1", ROW, PROBS)
VALUES = [index * 0.5 for index in range(16)]

MIXED = InferCodec(
    "mixed",
    "2",
    {
        "ids": TensorType("INT64", ("batch", "n")),
        "mask": TensorType("BOOL", ("batch", "n")),
        "k": TensorType("UINT8", (1,)),
    },
    {"text": TensorType("BYTES", ("batch",), "text"), "score": TensorType("FP64", ("batch",))},
)


def x(data: Any = VALUES, shape: Any = (1, 16), **more: Any) -> dict[str, Any]:
    return {"name": "x", "shape": shape, "datatype": "FP32", "data": data} | more


def probs(**parameters: Any) -> dict[str, Any]:
    return {"name": "probs", "parameters": parameters}


def body(*inputs: Any, **more: Any) -> bytes:
    return json.dumps({"inputs": inputs} | more).encode()


def refused(codec: InferCodec, content: bytes, header_length: int | None = None) -> str:
    with pytest.raises(RequestError) as caught:
        codec.decode(content, header_length)
    assert caught.value.status == 400
    return caught.value.problem


def answered(codec: InferCodec, request: InferRequest, outputs: dict[str, Tensor]) -> Any:
    encoded = codec.encode(request, outputs)
    assert encoded.header_length is None
    return json.loads(encoded.body)


def test_one_row_is_decoded_with_its_id() -> None:
    request = TINY.decode(body(x(), id="a-1"))
    assert (request.id, request.rows, request.alike, request.asked) == ("a-1", 1, (), {"probs": False})
    assert same(request.inputs["x"], np.array([VALUES], "f4"))


@pytest.mark.parametrize("rows", [1, 2, 5])
def test_flat_and_nested_data_mean_the_same(rows: int) -> None:
    flat = TINY.decode(body(x(VALUES * rows, (rows, 16))))
    nested = TINY.decode(body(x([VALUES] * rows, (rows, 16))))
    assert flat.rows == nested.rows == rows
    assert same(flat.inputs["x"], nested.inputs["x"])


def test_an_answer_echoes_the_id_and_names_model_and_version() -> None:
    request = TINY.decode(body(x(), id='q"1'))
    assert answered(TINY, request, {"probs": np.array([[0.5, 0.25, 0.25]], "f4")}) == {
        "model_name": "tiny",
        "model_version": "1",
        "id": 'q"1',
        "outputs": [{"name": "probs", "datatype": "FP32", "shape": [1, 3], "data": [0.5, 0.25, 0.25]}],
    }


def test_an_answer_without_id_has_none() -> None:
    assert "id" not in answered(TINY, TINY.decode(body(x())), {"probs": np.zeros((1, 3), "f4")})


def test_fields_that_are_null_count_as_left_out() -> None:
    request = TINY.decode(body(x(parameters=None), id=None, parameters=None, outputs=None))
    assert (request.id, request.parameters, request.asked) == ("", None, {"probs": False})


def test_several_inputs_share_the_size_of_a_dimension() -> None:
    inputs = [
        {"name": "mask", "shape": [2, 3], "datatype": "BOOL", "data": [True, False, True] * 2},
        {"name": "ids", "shape": [2, 3], "datatype": "INT64", "data": [[1, 2, 3], [4, 5, 6]]},
        {"name": "k", "shape": [1], "datatype": "UINT8", "data": [7]},
    ]
    request = MIXED.decode(body(*inputs))
    assert (request.rows, request.alike) == (2, (3,))
    inputs[0] = {"name": "mask", "shape": [2, 2], "datatype": "BOOL", "data": [True] * 4}
    assert refused(MIXED, body(*inputs)) == (
        "input 'ids' takes INT64[batch, n]; came shape [2, 3]: n is 3 here and 2 elsewhere"
    )


def test_outputs_come_in_the_order_they_are_asked_for() -> None:
    inputs = [
        {"name": "ids", "shape": [1, 1], "datatype": "INT64", "data": [1]},
        {"name": "mask", "shape": [1, 1], "datatype": "BOOL", "data": [True]},
        {"name": "k", "shape": [1], "datatype": "UINT8", "data": [7]},
    ]
    request = MIXED.decode(body(*inputs, outputs=[{"name": "score"}, {"name": "text"}]))
    outputs = {"text": np.array(["é".encode()], object), "score": np.array([0.1])}
    assert [(o["name"], o["data"]) for o in answered(MIXED, request, outputs)["outputs"]] == [
        ("score", [0.1]),
        ("text", ["é"]),
    ]
    request = MIXED.decode(body(*inputs, outputs=[{"name": "text"}]))
    assert [o["name"] for o in answered(MIXED, request, outputs)["outputs"]] == ["text"]


@pytest.mark.parametrize("more", [{}, {"outputs": [{"name": "probs"}]}], ids=["common", "with outputs"])
def test_a_name_in_the_body_as_kserves_client_sends_it_is_passed_over(more: dict[str, Any]) -> None:
    request = TINY.decode(body(x(), id="7", model_name="somebody", **more))
    assert (request.id, request.inputs["x"].shape) == ("7", (1, 16))


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "the body is no JSON: Input data was truncated"),
        (b"{", "the body is no JSON: Input data was truncated"),
        (b"\xff", "the body is no JSON: JSON is malformed: invalid character (byte 0)"),
        (b"[]", "the body is no inference request: Expected `object`, got `array`"),
        (b"{}", "the body is no inference request: Object missing required field `inputs`"),
        (body(), "input 'x' (FP32[batch, 16]) is missing"),
        (body(x(), x()), "input 'x' is given twice"),
        (body(x(name="X")), "no input is called 'X'; there is 'x'"),
        (body(x(), output=[]), "the body is no inference request: Object contains unknown field `output`"),
        (body(x(datatype="FP64")), "input 'x' takes FP32[batch, 16]; came datatype 'FP64'"),
        (body(x(shape=[1, 15])), "input 'x' takes FP32[batch, 16]; came shape [1, 15]: dimension 2 is 15, must be 16"),
        (body(x(shape=[16])), "input 'x' takes FP32[batch, 16], 2 dimensions; shape [16] has 1"),
        (body(x(shape=[0, 16], data=[])), "came shape [0, 16]: batch is 0, must be at least 1"),
        (body(x(shape=[1.0, 16])), "Expected `int`, got `float` - at `$.inputs[0].shape[0]`"),
        (body(x(data=VALUES[1:])), "input 'x' of shape [1, 16] has 16 elements; data holds 15"),
        (body(x(data=[VALUES[1:]])), "input 'x' takes FP32[batch, 16]; data[0] holds 15 elements, by its shape 16"),
        (body(x(data=[*VALUES[1:], True])), "elements that are numbers; data[15] is true or false"),
        (body(x(data=[*VALUES[1:], 1e39])), "element 15 is 1e+39; FP32 holds"),
        (body({"name": "x", "shape": [1, 16], "datatype": "FP32"}), "input 'x': data is no JSON list"),
        (body(x(parameters={"binary_data_size": 64})), "input 'x' has both data and binary_data_size; send one"),
        (body(x(), outputs=[{"name": "prob"}]), "no output is called 'prob'; did you mean 'probs'?"),
        (body(x(), outputs=[{"name": "probs"}] * 2), "output 'probs' is asked for twice"),
        (body(x(), outputs=[probs(classification=2)]), "output 'probs': classification is not supported"),
        (body(x(), outputs=[probs(binary_data=1)]), "parameter binary_data is 1, must be true or false"),
        (body(x(), parameters={"binary_data_output": "yes"}), "binary_data_output is 'yes', must be true or false"),
        (body(x(), id=7), "the body is no inference request: Expected `str | null`, got `int` - at `$.id`"),
        (b'{"inputs":' + b"[" * 100_000, "Expected `object`, got `array` - at `$.inputs[0]`"),
        (b'{"parameters":{"a":' + b"[" * 100_000, "the body is nested too deeply"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_request_is_said(content: bytes, problem: str) -> None:
    assert problem in refused(TINY, content)


def test_a_long_name_is_not_sent_back_whole() -> None:
    assert len(refused(TINY, body(x(name="x" * 10_000)))) < 200


def binary(codec: InferCodec, tensor: TensorType, array: Tensor, **more: Any) -> InferRequest:
    blob = to_binary(array)
    one = {"name": "x", "shape": array.shape, "datatype": tensor.dtype, "parameters": {"binary_data_size": len(blob)}}
    head = body(one, **more)
    return codec.decode(head + blob, len(head))


@given(tensors(text=False))
def test_binary_tensors_come_and_go_in_every_type(drawn: tuple[TensorType, Tensor]) -> None:
    tensor, array = drawn
    codec = InferCodec("any", "1", {"x": tensor}, {"x": tensor})
    request = binary(codec, tensor, array, parameters={"binary_data_output": True})
    assert same(request.inputs["x"], array)
    encoded = codec.encode(request, request.inputs)
    assert encoded.header_length is not None
    (output,) = json.loads(encoded.body[: encoded.header_length])["outputs"]
    assert "data" not in output
    content = json.dumps({"inputs": [output]}).encode()
    again = codec.decode(content + encoded.body[encoded.header_length :], len(content))
    assert same(again.inputs["x"], array)


@given(tensors())
def test_json_tensors_come_and_go_in_every_type(drawn: tuple[TensorType, Tensor]) -> None:
    tensor, array = drawn
    codec = InferCodec("any", "1", {"x": tensor}, {"x": tensor})
    request = binary(codec, tensor, array)
    (output,) = answered(codec, request, request.inputs)["outputs"]
    assert same(codec.decode(body(output)).inputs["x"], array)


def test_binary_and_json_mix_in_one_request_and_one_answer() -> None:
    mask, ids = np.array([[True]]), {"name": "ids", "shape": [1, 1], "datatype": "INT64", "data": [1]}
    k = {"name": "k", "shape": [1], "datatype": "UINT8", "parameters": {"binary_data_size": 1}}
    given_mask = {"name": "mask", "shape": [1, 1], "datatype": "BOOL", "parameters": {"binary_data_size": 1}}
    asked = [{"name": "score", "parameters": {"binary_data": True}}, {"name": "text"}]
    head = body(k, ids, given_mask, outputs=asked)
    request = MIXED.decode(head + b"\x09\x01", len(head))
    assert request.inputs["k"][0] == 9
    assert same(request.inputs["mask"], mask)
    encoded = MIXED.encode(request, {"text": np.array([b"a"], object), "score": np.array([0.5])})
    score, text = json.loads(encoded.body[: encoded.header_length])["outputs"]
    assert score["parameters"] == {"binary_data_size": 8}
    assert text["data"] == ["a"]
    assert encoded.body[encoded.header_length :] == np.array([0.5]).tobytes()


@pytest.mark.parametrize(
    ("parameters", "blob", "cut", "problem"),
    [
        (
            {"binary_data_size": 64},
            b"",
            None,
            "input 'x' has binary_data_size, but there is no header inference-header",
        ),
        ({"binary_data_size": 64}, b"1234", 0, "input 'x' has binary_data_size 64; 4 bytes are left in the body"),
        ({"binary_data_size": 4}, b"1234", 0, "input 'x' of shape [1, 16] and FP32 is 64 bytes; 4 came"),
        (
            {"binary_data_size": 64},
            bytes(66),
            0,
            "last 2 bytes of the body belong to no input; check each binary_data_size",
        ),
        ({"binary_data_size": -1}, b"", 0, "input 'x': binary_data_size is -1, must be a whole number of bytes"),
        ({"binary_data_size": True}, b"", 0, "input 'x': binary_data_size is True, must be a whole number of bytes"),
        ({"binary_data_size": 64}, b"", 1, "is 999999, the body has"),
        ({"shared_memory_region": "r"}, b"", 0, "input 'x': shared memory is not supported; send the data in the body"),
    ],
)
def test_what_is_wrong_with_binary_data_is_said(
    parameters: dict[str, Any], blob: bytes, cut: int | None, problem: str
) -> None:
    head = body({"name": "x", "shape": [1, 16], "datatype": "FP32", "parameters": parameters})
    length = None if cut is None else 999_999 if cut else len(head)
    assert problem in refused(TINY, head + blob, length)


def test_nan_is_refused_in_json_and_goes_as_binary() -> None:
    outputs = {"probs": np.array([[0.5, np.nan, 0.5]], "f4")}
    with pytest.raises(
        RequestError, match="output 'probs' holds nan at element 1, .* ask for it as binary data"
    ) as caught:
        TINY.encode(TINY.decode(body(x(), id="null")), outputs)
    assert caught.value.status == 500
    request = TINY.decode(body(x(), parameters={"binary_data_output": True}))
    assert TINY.encode(request, outputs).body.endswith(outputs["probs"].tobytes())


def test_a_common_request_goes_the_short_way_in_both_forms() -> None:
    codec = InferCodec("tiny", "1", ROW, PROBS)
    assert codec._common is not None
    assert codec._common.decode(body(x())) is not None
    assert codec._common.decode(body(x([VALUES]))) is None
    assert codec._common.decode(body(x([VALUES]))) is not None  # the form is remembered


def test_the_small_bodies_are_those_of_the_protocol() -> None:
    assert json.loads(oip.error_body('no "x"')) == {"error": 'no "x"'}
    assert json.loads(oip.error_body("no \udcff")) == {"error": "no \\udcff"}, "which UTF-8 cannot hold"
    assert json.loads(oip.server_metadata("0.1.0")) == {
        "name": "longspan",
        "version": "0.1.0",
        "extensions": ["binary_tensor_data"],
    }
    assert json.loads(oip.model_metadata("tiny", "3", "onnx_onnxv1", ROW, PROBS)) == {
        "name": "tiny",
        "versions": ["3"],
        "platform": "onnx_onnxv1",
        "inputs": [{"name": "x", "datatype": "FP32", "shape": [-1, 16]}],
        "outputs": [{"name": "probs", "datatype": "FP32", "shape": [-1, 3]}],
    }
    assert json.loads(oip.ready_body("tiny", True)) == {"name": "tiny", "ready": True}
