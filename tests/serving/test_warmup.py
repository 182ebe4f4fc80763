"""What is measured of a model before the first request, and what when zeros do not run."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import pytest

from longspan.base.errors import LongspanError
from longspan.base.signatures import Signature, TensorType
from longspan.serving.runtimes import Runnable
from longspan.serving.warmup import BUDGET, MOST_ROWS, Measured, measure

FIXED = TensorType("FP32", ("batch", 4))


class Model:
    """A model whose runs take as long as `cost` says, on a clock of its own."""

    def __init__(self, cost: Callable[[int], int], tensor: TensorType = FIXED) -> None:
        self.now = 0
        self.cost, self.tensor = cost, tensor
        self.shapes: list[tuple[int, ...]] = []

    def run(self, inputs: dict[str, Any]) -> dict[str, Any]:
        shape = inputs["x"].shape
        self.shapes.append(shape)
        self.now += self.cost(shape[0])
        return {"y": inputs["x"]}

    def measure(self, pad: dict[str, int] | None = None) -> Measured:
        signature = Signature({"x": self.tensor}, {"y": self.tensor})
        return measure(Runnable("m", "sync", signature, self.run), lambda: self.now, pad or {})


def test_the_curve_holds_what_a_run_of_so_many_rows_takes() -> None:
    measured = Model(lambda rows: 1000 + 10 * rows).measure()
    assert measured.curve == tuple((2**n, 1000 + 10 * 2**n) for n in range(7))
    assert measured.slowest == 1010


def test_a_slow_model_is_measured_no_longer_than_the_budget_allows() -> None:
    model = Model(lambda rows: BUDGET // 5 * rows)
    assert [rows for rows, _ in model.measure().curve] == [1, 2]
    very_slow = Model(lambda rows: 10 * BUDGET)
    assert [rows for rows, _ in very_slow.measure().curve] == [1]


def test_one_odd_run_does_not_count() -> None:
    runs = itertools.count()
    assert Model(lambda rows: 10**6 if next(runs) == 9 else 1000).measure().slowest == 1000


def test_a_model_without_batch_is_measured_as_it_is() -> None:
    model = Model(lambda rows: 1000, TensorType("FP32", (3, 4)))
    assert [rows for rows, _ in model.measure().curve] == [1]
    assert set(model.shapes) == {(3, 4)}


def test_every_size_in_use_has_been_run() -> None:
    model = Model(lambda rows: 1000)
    model.measure()
    assert {shape[0] for shape in model.shapes} == {2**n for n in range(7)}
    assert max(shape[0] for shape in model.shapes) == MOST_ROWS


def test_free_dimensions_are_tried_until_one_runs() -> None:
    def cost(rows: int) -> int:
        if model.shapes[-1][1] < 64:
            raise ValueError("too short")
        return 1000

    model = Model(cost, TensorType("FP32", ("batch", "length")))
    assert model.measure().problem == ""
    assert model.shapes[-1][1] == 64


def test_a_model_of_fixed_shape_that_cannot_run_is_refused() -> None:
    def cost(rows: int) -> int:
        raise ValueError("no kernel")

    with pytest.raises(LongspanError, match="no kernel"):
        Model(cost).measure()
    with_text = Model(cost, TensorType("BYTES", ("batch", 1))).measure()
    assert (with_text.curve, with_text.problem) == ((), "no kernel")


def test_a_dimension_that_is_padded_is_measured_at_eight_multiples() -> None:
    model = Model(lambda rows: 1000, TensorType("FP32", ("batch", 3, "width")))
    measured = model.measure({"width": 32})
    assert {shape[1:] for shape in model.shapes} == {(3, 256)}
    assert measured.cells == 3 * 256
    assert Model(lambda rows: 1000).measure({"width": 32}).cells == 0, "it has no such dimension"


def test_where_that_does_not_run_other_sizes_are_tried() -> None:
    def cost(rows: int) -> int:
        if model.shapes[-1][1] > 200:
            raise ValueError("too long")
        return 1000

    model = Model(cost, TensorType("FP32", ("batch", "width")))
    assert model.measure({"width": 32}).problem == ""
    assert model.shapes[-1][1] == 16
