"""Tensor types as people write them, and what may share a run."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from longspan.base.dtypes import BY_OIP
from longspan.base.signatures import Shape, Signature, TensorType, parse_tensor_type

DTYPES = frozenset(BY_OIP)


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("FP32[batch, 16]", TensorType("FP32", ("batch", 16))),
        ("BYTES[1]", TensorType("BYTES", (1,))),
        (" INT64 [ rows,cols ] ", TensorType("INT64", ("rows", "cols"))),
        ("FP64[]", TensorType("FP64", ())),
        ("JSON[1]", TensorType("BYTES", (1,), "json")),
        ("TEXT[batch]", TensorType("BYTES", ("batch",), "text")),
    ],
)
def test_a_type_is_read_as_it_is_written(text: str, kind: TensorType) -> None:
    assert parse_tensor_type(text, DTYPES) == kind


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("FP32", "is not a tensor type such as"),
        ("FP32[batch", "is not a tensor type such as"),
        ("fp32[1]", "is not a tensor type such as"),
        ("FP31[1]", "is no data type: one of BOOL"),
        ("FP32[-1]", "is no dimension"),
        ("FP32[1,,2]", "is no dimension"),
        ("FP32[Batch]", "is no dimension"),
    ],
)
def test_what_is_no_type_is_refused_with_its_reason(text: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        parse_tensor_type(text, DTYPES)


TYPES = st.builds(
    TensorType,
    st.sampled_from(sorted(DTYPES)),
    st.lists(st.one_of(st.integers(0, 10**6), st.from_regex(r"[a-z][a-z0-9_]{0,8}", fullmatch=True))).map(tuple),
)


@given(TYPES)
def test_a_type_comes_back_from_its_own_text(kind: TensorType) -> None:
    assert parse_tensor_type(str(kind), DTYPES) == kind


@given(st.text(max_size=30))
def test_any_text_is_a_type_or_is_refused(text: str) -> None:
    with suppress(ValueError):
        assert parse_tensor_type(text, DTYPES).dtype in DTYPES


def test_only_a_first_dimension_named_batch_is_shared() -> None:
    assert TensorType("FP32", ("batch", 4)).batched
    assert not TensorType("FP32", (4, "batch")).batched
    assert not TensorType("FP32", ()).batched


def test_a_step_is_batched_when_all_of_it_is() -> None:
    rows, one = TensorType("FP32", ("batch", 4)), TensorType("BYTES", (1,))
    assert Signature({"x": rows}, {"y": rows}).batched
    assert not Signature({"x": rows}, {"y": one}).batched


def test_a_shape_shows_itself_as_it_is_written() -> None:
    assert repr(Shape("batch", 16)) == "Shape('batch', 16)"
