"""What a server tells of itself against what the file declares."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from longspan.base.signatures import Signature, TensorType
from longspan.wire import metadata

SIGNATURE = Signature(
    {"text": TensorType("BYTES", (1,)), "rows": TensorType("FP32", ("batch", 4))},
    {"score": TensorType("FP32", ("batch",))},
)


def told(inputs: Any = None, outputs: Any = None) -> bytes:
    return json.dumps({"name": "m", "inputs": inputs, "outputs": outputs}).encode()


def tensor(name: str, datatype: str, *shape: int | str) -> dict[str, Any]:
    return {"name": name, "datatype": datatype, "shape": shape}


TEXT, ROWS, SCORE = tensor("text", "BYTES", 1), tensor("rows", "FP32", -1, 4), tensor("score", "FP32", -1)


@pytest.mark.parametrize(
    ("inputs", "outputs"),
    [
        ([TEXT, ROWS], [SCORE]),
        ([tensor("text", "BYTES", -1), tensor("rows", "FP32", -1, -1)], [SCORE]),
        ([TEXT, tensor("rows", "FP32", "-1", "4")], [SCORE]),  # some write numbers as text
        ([TEXT, ROWS], [SCORE, tensor("more", "FP32", 7)]),
        ([], None),  # it does not say
    ],
)
def test_what_takes_all_that_we_may_send_fits(inputs: Any, outputs: Any) -> None:
    assert metadata.misfit(told(inputs, outputs), SIGNATURE) == ""


@pytest.mark.parametrize(
    ("inputs", "outputs", "words"),
    [
        ([ROWS], [SCORE], "it takes no input 'text': it takes 'rows'"),
        ([TEXT, ROWS, tensor("z", "FP32", 1)], [SCORE], "it takes input 'z' as well, which is not declared"),
        ([TEXT, tensor("rows", "FP64", -1, 4)], [SCORE], "declared as FP32[batch, 4], and it takes FP64[-1, 4]"),
        ([TEXT, tensor("rows", "FP32", 8, 4)], [SCORE], "declared as FP32[batch, 4], and it takes FP32[8, 4]"),
        ([TEXT, tensor("rows", "FP32", -1)], [SCORE], "declared as FP32[batch, 4], and it takes FP32[-1]"),
        ([TEXT, ROWS], [tensor("label", "FP32", -1)], "it gives no output 'score': it gives 'label'"),
    ],
)
def test_what_does_not_fit_is_named_with_both_sides(inputs: Any, outputs: Any, words: str) -> None:
    assert words in metadata.misfit(told(inputs, outputs), SIGNATURE)


def test_an_input_that_may_be_missing_need_not_be_there() -> None:
    signature = Signature(SIGNATURE.inputs, SIGNATURE.outputs, optional=("text",))
    assert metadata.misfit(told([ROWS], [SCORE]), signature) == ""


@given(st.binary(max_size=200) | st.recursive(st.none() | st.text() | st.integers(), st.lists).map(json.dumps))
def test_whatever_is_told_gives_words_or_fits(text: bytes | str) -> None:
    body = text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass")
    assert isinstance(metadata.misfit(body, SIGNATURE), str)
    assert metadata.no_binary(body)


def test_the_binary_extension_is_looked_for_by_its_name() -> None:
    assert metadata.no_binary(b'{"name": "s", "extensions": ["binary_tensor_data"]}') == ""
    assert "binary_tensor_data" in metadata.no_binary(b'{"name": "s", "extensions": ["statistics"]}')
