"""Odd bodies: whatever comes is a request or a refusal in words, and the short way agrees with the long one."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from longspan.base.errors import RequestError
from longspan.wire.oip import InferCodec, InferRequest
from tests.wire.tensors_drawn import same
from tests.wire.test_oip import MIXED, PROBS, ROW, TINY


@given(st.binary(max_size=200), st.none() | st.integers(-2, 250))
def test_any_bytes_are_a_request_or_a_400(content: bytes, header_length: int | None) -> None:
    _try(TINY, content, header_length)
    _try(MIXED, content, header_length)


PARAMETERS = st.sampled_from(["a", "binary_data_size", "binary_data_output"])
ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(PARAMETERS, inner, max_size=2),
    max_leaves=8,
)
NUMBERS = st.lists(st.integers(-2, 400) | st.floats(width=32) | st.booleans(), min_size=14, max_size=34)
ROWS = st.lists(st.lists(st.integers(0, 9), min_size=15, max_size=17), max_size=3)
NEARLY = st.fixed_dictionaries(
    {
        "name": st.sampled_from(["x", "ids", "mask", "k", "y"]),
        "shape": st.sampled_from([[1, 16], [2, 16], [1], [0, 16], [16], [2, 2]]) | ANY,
        "datatype": st.sampled_from(["FP32", "FP32", "INT64", "BOOL", "UINT8"]) | ANY,
    },
    optional={"data": NUMBERS | ROWS | ANY, "parameters": ANY, "more": ANY},
)
REQUESTS = st.fixed_dictionaries(
    {"inputs": st.lists(NEARLY, max_size=3) | ANY},
    optional={"id": ANY, "parameters": ANY, "outputs": ANY | st.just([{"name": "probs"}])},
)


@given(REQUESTS, st.binary(max_size=8))
def test_anything_like_a_request_is_a_request_or_a_400(request: Any, blob: bytes) -> None:
    content = json.dumps(request).encode()
    for codec in (TINY, MIXED):
        _try(codec, content, None)
        _try(codec, content + blob, len(content))


ONE = st.fixed_dictionaries({"inputs": st.lists(NEARLY.map(lambda one: one | {"name": "x"}), min_size=1, max_size=1)})


@given(st.lists(REQUESTS | ONE, max_size=4))
def test_the_short_way_never_tells_another_story_than_the_long_way(requests: list[Any]) -> None:
    short, long = InferCodec("tiny", "1", ROW, PROBS), InferCodec("tiny", "1", ROW, PROBS)
    long._common = None
    for request in requests:
        left, right = (_try(codec, json.dumps(request).encode(), None) for codec in (short, long))
        if isinstance(left, str) or isinstance(right, str):
            assert left == right
        else:
            assert same(left.inputs["x"], right.inputs["x"])
            assert replace(left, inputs={}) == replace(right, inputs={})


def _try(codec: InferCodec, content: bytes, header_length: int | None) -> InferRequest | str:
    try:
        return codec.decode(content, header_length)
    except RequestError as error:
        assert error.status == 400  # noqa: PT017 - either outcome is right; any other exception is the failure
        return error.problem
