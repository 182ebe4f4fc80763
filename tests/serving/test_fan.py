"""Rows of different sizes: padded, run together, and each request its own back."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from longspan.base.errors import RequestError
from longspan.base.signatures import TensorType
from longspan.serving.order import Facts
from longspan.serving.rows import Rows
from longspan.serving.step import Step
from tests.serving.cases import Case, run, step

FP32 = np.dtype(np.float32)
GIVEN = TensorType("FP32", ("batch", 2, "width"))
SUMS = TensorType("FP32", ("batch",))
WIDE = TensorType("FP32", ("batch", 2, "width"))


def crops(widths: list[int], number: int) -> Rows:
    """Rows of these widths; each holds nothing but its own mark."""
    return Rows([np.full((2, width), 100 * number + row + 1, FP32) for row, width in enumerate(widths)], FP32)


class Reader:
    """A padded step: sums of its rows, and the rows themselves; notes the shapes it was called with."""

    def __init__(self, limit: int = 8, pad: int = 4, **more: Any) -> None:
        self.shapes: list[tuple[int, ...]] = []
        self.step = step(
            "read", self.run, {"x": ("cut.x", GIVEN)}, {"sums": SUMS, "same": WIDE},
            limit=limit, pad={"width": pad}, facts=Facts(counted="cut.x"), **more,
        )  # fmt: skip

    def run(self, inputs: dict[str, Any]) -> dict[str, Any]:
        x = inputs["x"]
        self.shapes.append(x.shape)
        if (x == 13).any():
            raise ValueError("unlucky")
        return {"sums": x.sum(axis=(1, 2)), "same": x}


def case(number: int, widths: list[int]) -> Case:
    return Case(number, cut__x=crops(widths, number))


def right(one: Case, number: int, widths: list[int]) -> bool:
    """Has it got its own rows, in order?"""
    assert one.error is None
    sums = [2 * width * (100 * number + row + 1) for row, width in enumerate(widths)]
    same: Rows = one.values["read.same"]
    marks = [float(array[0, 0]) for array in same.arrays if array.size]
    assert marks == [100 * number + row + 1 for row, width in enumerate(widths) if width]
    return bool(one.values["read.sums"].tolist() == sums and one.values["read.sums"].dtype == FP32)


widths = st.lists(st.integers(1, 30), max_size=9)


@given(st.lists(widths, min_size=1, max_size=6), st.integers(1, 9), st.integers(1, 16))
def test_every_request_gets_its_own_rows_back_in_order(requests: list[list[int]], limit: int, pad: int) -> None:
    reader = Reader(limit, pad)
    cases = [case(number, sizes) for number, sizes in enumerate(requests)]
    run([reader.step], *cases)
    for number, (one, sizes) in enumerate(zip(cases, requests, strict=True)):
        assert right(one, number, sizes)
    assert all(shape[0] <= limit for shape in reader.shapes)
    counted = reader.step
    cells = sum(int(np.prod(shape)) for shape in reader.shapes)
    assert counted.cells == cells
    assert counted.waste == cells - sum(2 * width for sizes in requests for width in sizes)
    rows = sum(map(len, requests))
    assert sum(shape[0] for shape in reader.shapes) == rows
    assert counted.runs == len(reader.shapes)
    assert counted.rows + len(counted.times) == rows
    assert counted.requests == sum(1 for sizes in requests if sizes)


def test_rows_of_several_requests_share_a_run_when_they_are_of_a_size() -> None:
    reader = Reader()
    cases = [case(0, [3, 9]), case(1, [4]), case(2, [12, 1])]
    run([reader.step], *cases)
    assert reader.shapes == [(3, 2, 4), (2, 2, 12)]
    assert reader.step.waste == 2 * (1 + 0 + 3) + 2 * (3 + 0)


def test_what_must_not_run_twice_shares_no_run_with_another_request() -> None:
    reader = Reader(repeatable=False)
    run([reader.step], case(0, [3, 3]), case(1, [3]))
    assert reader.shapes == [(2, 2, 4), (1, 2, 4)]


def test_a_request_without_rows_runs_nothing_and_has_no_rows_of_everything() -> None:
    reader = Reader()
    for cases in ([case(0, [])], [case(0, []), case(1, [])]):
        run([reader.step], *cases)
        for one in cases:
            assert one.values["read.sums"].shape == (0,)
            assert one.values["read.sums"].dtype == FP32
            assert one.values["read.same"].shape == (0,)
    assert reader.shapes == []
    assert (reader.step.requests, reader.step.skipped) == (0, 0)


@pytest.mark.parametrize("limit", [1, 8])
def test_a_row_that_fails_fails_its_own_request_only(limit: int) -> None:
    reader = Reader(limit)
    bad = case(0, [3, 9])
    bad.values["cut.x"].arrays[0][:] = 13
    cases = [bad, case(1, [3, 9]), case(2, [2])]
    run([reader.step], *cases)
    assert isinstance(bad.error, ValueError)
    assert bad.failed_at == "read"
    assert right(cases[1], 1, [3, 9])
    assert right(cases[2], 2, [2])
    assert reader.step.errors == 1


def test_a_row_of_another_rank_fails_its_own_request_only() -> None:
    reader = Reader()
    odd = Case(9, cut__x=np.ones((2, 3), FP32))
    cases = [case(0, [3, 4]), odd, case(1, [5])]
    run([reader.step], *cases)
    assert (type(odd.error), odd.failed_at) == (IndexError, "read")
    assert right(cases[0], 0, [3, 4])
    assert right(cases[2], 1, [5])


def test_a_wider_row_goes_with_fewer_others() -> None:
    reader = Reader()
    assert reader.step.padding is not None
    reader.step.padding.most_cells = 2 * 8 * 2
    run([reader.step], case(0, [4] * 5 + [8] * 3 + [40]))
    assert reader.shapes == [(4, 2, 4), (1, 2, 4), (2, 2, 8), (1, 2, 8), (1, 2, 40)]


def test_another_number_of_rows_is_the_steps_fault() -> None:
    def short(inputs: dict[str, Any]) -> dict[str, Any]:
        return {"sums": inputs["x"].sum(axis=(1, 2))[:-1], "same": inputs["x"]}

    reader = Reader()
    reader.step.whole = short
    cases = [case(0, [3]), case(1, [3])]
    run([reader.step], *cases)
    for one in cases:
        assert isinstance(one.error, RequestError)
        assert one.error.status == 500
        assert "step 'read' gives sums FP32[batch], a row for each; 1 went in, shape [0] came out" in one.error.problem


def test_an_input_that_is_one_for_the_request_goes_with_each_of_its_runs() -> None:
    seen: list[tuple[int, int]] = []

    def function(inputs: dict[str, Any]) -> dict[str, Any]:
        seen.append((len(inputs["x"]), int(inputs["k"][0])))
        return {"y": inputs["x"][:, 0, 0] * inputs["k"]}

    one = TensorType("FP32", (1,))
    scale = step("scale", function, {"x": ("cut.x", GIVEN), "k": ("k", one)}, {"y": SUMS}, pad={"width": 4})
    cases = [case(number, [3, 9]) for number in range(2)]
    for number, made in enumerate(cases):
        made.values["k"] = np.full(1, number + 1, FP32)
    run([scale], *cases)
    assert sorted(seen) == [(1, 1), (1, 1), (1, 2), (1, 2)]
    assert [made.values["scale.y"].tolist() for made in cases] == [[1, 2], [202, 204]]


def test_two_inputs_are_padded_alike_and_must_be_of_a_size() -> None:
    def function(inputs: dict[str, Any]) -> dict[str, Any]:
        assert inputs["x"].shape[2] == inputs["mask"].shape[1]
        return {"y": inputs["mask"].sum(axis=1)}

    mask = TensorType("FP32", ("batch", "width"))
    masked: Step = step(
        "masked", function, {"x": ("cut.x", GIVEN), "mask": ("cut.mask", mask)}, {"y": SUMS}, pad={"width": 4}
    )
    good, bad = case(0, [3, 9]), case(1, [3])
    good.values["cut.mask"] = Rows([np.ones(3, FP32), np.ones(9, FP32)], FP32)
    bad.values["cut.mask"] = Rows([np.ones(2, FP32)], FP32)
    run([masked], good)
    assert good.values["masked.y"].tolist() == [3, 9]
    other = case(2, [5])
    other.values["cut.mask"] = Rows([np.ones(5, FP32)], FP32)
    run([masked], bad, other)
    assert other.values["masked.y"].tolist() == [5], "it is answered all the same"
    assert isinstance(bad.error, RequestError)
    assert bad.error.status == 500
    assert "masked" in bad.error.problem


def test_texts_come_back_as_bytes() -> None:
    def function(inputs: dict[str, Any]) -> dict[str, Any]:
        texts = np.empty(len(inputs["x"]), object)
        texts[:] = [b"%d" % mark for mark in inputs["x"][:, 0, 0]]
        return {"y": texts}

    words = step("words", function, {"x": ("cut.x", GIVEN)}, {"y": TensorType("BYTES", ("batch",))}, pad={"width": 4})
    made = case(1, [9, 3])
    run([words], made)
    assert made.values["words.y"].dtype == object
    assert made.values["words.y"].tolist() == [b"101", b"102"]
