"""How the steps of a chain run, for one request and for many at once."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from longspan.base.errors import RequestError
from longspan.base.signatures import Signature, TensorType
from longspan.serving import graph
from longspan.serving.runtimes import Runnable, request_id

ROWS = TensorType("FP32", ("batch", "width"))
Function = Callable[[dict[str, Any]], dict[str, Any]]


class Case:
    """A request with one input, `x`."""

    def __init__(self, x: Any, number: int = 0) -> None:
        self.values = {"x": x}
        self.outputs: dict[str, Any] = {}
        self.error: BaseException | None = None
        self.failed_at = ""
        self.done = False
        self.rows = len(x)
        self.request_id = f"request-{number}"


def step(
    function: Function,
    name: str = "one",
    inputs: dict[str, str] | None = None,
    tensor: TensorType = ROWS,
    **more: Any,
) -> graph.Step:
    sources = inputs or {"x": "x"}
    signature = Signature(dict.fromkeys(sources, tensor), {"y": tensor})
    settings: dict[str, Any] = {
        "first": "." not in "".join(sources.values()),
        "own": False,
        "repeatable": True,
        "final": False,
    }
    made = graph.Step(name, Runnable(name, "sync", signature, function), sources, ["y"], **(settings | more))
    made.rows_limit = 64
    return made


def run(steps: list[graph.Step], cases: list[Case]) -> None:
    ticks = itertools.count()
    graph.run(steps, cases, lambda: next(ticks))


def double(inputs: dict[str, Any]) -> dict[str, Any]:
    return {"y": inputs["x"] * 2}


def test_steps_run_in_order_each_on_what_an_earlier_one_gave() -> None:
    case = Case(np.ones((1, 2), np.float32))
    run([step(double), step(double, "two", {"x": "one.y"})], [case])
    assert case.values["two.y"].tolist() == [[4, 4]]
    assert case.values["one.y"].tolist() == [[2, 2]]


@given(st.lists(st.tuples(st.integers(1, 4), st.integers(1, 3)), min_size=1, max_size=20), st.integers(1, 12))
def test_whoever_shares_a_run_gets_his_own_rows(shapes: list[tuple[int, int]], limit: int) -> None:
    cases = [Case(np.full(shape, number, np.float32), number) for number, shape in enumerate(shapes)]
    seen: list[int] = []

    def function(inputs: dict[str, Any]) -> dict[str, Any]:
        seen.append(len(inputs["x"]))
        return double(inputs)

    one = step(function)
    one.rows_limit = limit
    run([one], cases)
    for number, (case, shape) in enumerate(zip(cases, shapes, strict=True)):
        assert case.values["one.y"].tolist() == np.full(shape, 2 * number).tolist()
    assert sum(seen) == sum(case.rows for case in cases) == one.rows + len(one.times)
    assert one.count + len(one.times) == len(cases)
    assert one.runs == len(seen)
    assert one.nanoseconds + sum(one.times) > 0
    assert all(rows <= limit for rows in seen) or max(case.rows for case in cases) > limit


@pytest.mark.parametrize("count", [1, 3])
def test_what_a_final_step_gives_is_the_answer(count: int) -> None:
    cases = [Case(np.full((2, 2), number, np.float32), number) for number in range(count)]
    run([step(double), step(double, "two", {"x": "one.y"}, final=True)], cases)
    for number, case in enumerate(cases):
        assert case.outputs["y"].tolist() == np.full((2, 2), 4 * number).tolist()


def test_a_step_without_batch_runs_once_for_each_request() -> None:
    seen: list[Any] = []

    def function(inputs: dict[str, Any]) -> dict[str, Any]:
        seen.append(inputs["x"].tolist())
        return {"y": inputs["x"]}

    run([step(function, tensor=TensorType("FP32", (2,)))], [Case(np.full(2, n, np.float32), n) for n in range(3)])
    assert seen == [[0, 0], [1, 1], [2, 2]]


def test_a_step_that_must_not_run_twice_is_not_shared() -> None:
    seen: list[int] = []

    def function(inputs: dict[str, Any]) -> dict[str, Any]:
        seen.append(len(inputs["x"]))
        return double(inputs)

    run([step(function, own=True, repeatable=False)], [Case(np.ones((1, 2), np.float32), n) for n in range(3)])
    assert seen == [1, 1, 1]


def test_one_bad_row_fails_its_own_request_and_no_later_step_sees_it() -> None:
    def picky(inputs: dict[str, Any]) -> dict[str, Any]:
        if (inputs["x"] < 0).any():
            raise ValueError("negative")
        return double(inputs)

    cases = [Case(np.full((1, 2), value, np.float32)) for value in (1, -1, 3)]
    first, second = step(picky), step(double, "two", {"x": "one.y"})
    run([first, second], cases)
    assert [case.values["two.y"][0, 0] for case in (cases[0], cases[2])] == [4, 12]
    assert isinstance(cases[1].error, ValueError)
    assert cases[1].failed_at == "one"
    assert "two.y" not in cases[1].values
    assert first.errors == 1
    assert (second.count, second.runs) == (2, 1)


def test_a_step_that_gives_another_number_of_rows_answers_nobody_with_them() -> None:
    """Only alone is it clear whose rows they are."""
    cases = [Case(np.full((1, 2), value, np.float32)) for value in (1, 2)]
    run([step(lambda inputs: {"y": inputs["x"].sum(axis=0, keepdims=True)})], cases)
    assert [case.values["one.y"].tolist() for case in cases] == [[[1, 1]], [[2, 2]]]


def test_dimensions_of_one_name_must_agree() -> None:
    case = Case(np.ones((1, 2), np.float32))
    case.values["z"] = np.ones((1, 3), np.float32)
    run([step(double, inputs={"x": "x", "z": "z"})], [case])
    assert isinstance(case.error, RequestError)
    assert case.error.status == 400
    assert "width" in case.error.problem
    inner = Case(np.ones((1, 2), np.float32))
    inner.values["zero.z"] = np.ones((2, 2), np.float32)
    run([step(double, inputs={"x": "x", "z": "zero.z"})], [inner])
    assert isinstance(inner.error, RequestError)
    assert inner.error.status == 500, "a client cannot know what an inner step gives"


@pytest.mark.parametrize("error", [SystemExit(1), KeyboardInterrupt(), MemoryError()])
def test_whatever_a_step_raises_stays_within_its_request(error: BaseException) -> None:
    def function(inputs: dict[str, Any]) -> dict[str, Any]:
        raise error

    case = Case(np.ones((1, 2), np.float32))
    run([step(function)], [case])
    assert case.error is error


def test_python_steps_know_for_whom_they_run() -> None:
    seen: list[tuple[str, str]] = []

    def function(inputs: dict[str, Any]) -> dict[str, Any]:
        seen.append((request_id.get(), graph.step_name.get()))
        return {"y": inputs["x"]}

    run([step(function, own=True, tensor=TensorType("FP32", (2,)))], [Case(np.ones(2, np.float32), n) for n in (4, 5)])
    assert seen == [("request-4", "one"), ("request-5", "one")]
