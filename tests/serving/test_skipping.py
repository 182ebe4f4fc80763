"""Steps that run only sometimes, rows that may be none, and what one step gives that another cannot take."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from longspan.base.errors import RequestError
from longspan.base.signatures import Signature, TensorType
from longspan.serving import graph, promises
from longspan.serving.order import Facts
from longspan.serving.rows import Rows
from longspan.serving.runtimes import Runnable
from longspan.wire.orders import StepWork
from tests.serving.cases import Case, run, step

ONE = TensorType("FP32", (1,))
FLAG = TensorType("BOOL", (1,))
ROWS = TensorType("FP32", ("batch", 2))
WHEN = Facts(skippable=True)


def double(inputs: dict[str, Any]) -> dict[str, Any]:
    return {"y": inputs["x"] * 2}


def flagged(yes: bool, number: float = 1.0) -> Case:
    return Case(x=np.full(1, number, np.float32), has__text=np.array([yes]))


@pytest.mark.parametrize(("when", "ran"), [("has.text", True), ("not has.text", False)])
@pytest.mark.parametrize("count", [1, 2])
def test_a_step_runs_only_when_its_condition_holds(when: str, ran: bool, count: int) -> None:
    one = step("one", double, {"x": ("x", ONE)}, {"y": ONE}, when=when, facts=WHEN)
    for yes in (True, False):
        cases = [flagged(yes) for _ in range(count)]
        run([one], *cases)
        assert [case.values["one.y"] is not None for case in cases] == [ran is yes] * count
    assert (one.requests, one.skipped) == (count, count)


def test_a_condition_is_asked_of_each_request_of_a_group() -> None:
    one = step("one", double, {"x": ("x", ROWS)}, {"y": ROWS}, when="has.text", facts=WHEN)
    cases = [Case(x=np.full((1, 2), n, np.float32), has__text=np.array([n % 2 == 0])) for n in range(5)]
    run([one], *cases)
    assert [case.values["one.y"] is not None for case in cases] == [True, False, True, False, True]
    assert [case.values["one.y"][0, 0] for case in cases[::2]] == [0, 4, 8]
    assert (one.runs, one.count, one.skipped) == (1, 3, 2)


def test_what_takes_something_of_a_skipped_step_is_skipped_unless_it_can_do_without() -> None:
    seen: list[Any] = []

    def either(inputs: dict[str, Any]) -> dict[str, Any]:
        seen.append(inputs["a"])
        return {"y": inputs["x"]}

    steps = [
        step("one", double, {"x": ("x", ONE)}, {"y": ONE}, when="has.text", facts=WHEN),
        step("two", double, {"x": ("one.y", ONE)}, {"y": ONE}, facts=WHEN),
        step("last", either, {"a": ("two.y", ONE), "x": ("x", ONE)}, {"y": ONE}, optional=["a"]),
    ]
    with_text, without = flagged(True), flagged(False)
    run(steps, with_text)
    run(steps, without)
    assert seen == [4, None]
    assert [one.skipped for one in steps] == [1, 1, 0]
    assert without.values["last.y"].tolist() == [1]


def test_a_condition_that_was_not_made_is_not_met() -> None:
    one = step("one", double, {"x": ("x", ONE)}, {"y": ONE}, when="not has.text", facts=WHEN)
    case = flagged(False)
    case.values["has.text"] = None
    run([one], case)
    assert case.values["one.y"] is None


@pytest.mark.parametrize("count", [1, 2])
def test_a_batch_step_is_not_called_for_no_rows_and_any_other_gets_them(count: int) -> None:
    wide = TensorType("FP32", ("batch", "width", 3))
    calls: list[str] = []

    def read(inputs: dict[str, Any]) -> dict[str, Any]:
        calls.append("read")
        return {"y": np.zeros((len(inputs["x"]), 5, 3), np.float32)}

    def join(inputs: dict[str, Any]) -> dict[str, Any]:
        calls.append(f"join {inputs['x'].shape}")
        return {"y": np.zeros(1, np.float32)}

    steps = [
        step("read", read, {"x": ("cut.y", ROWS)}, {"y": wide}, facts=Facts(counted="cut.y")),
        step("join", join, {"x": ("read.y", wide)}, {"y": ONE}, facts=Facts(counted="read.y")),
    ]
    cases = [Case(cut__y=np.zeros((0, 2), np.float32)) for _ in range(count)]
    run(steps, *cases)
    assert all(case.error is None for case in cases)
    assert calls == ["join (0, 0, 3)"] * count


def test_rows_that_a_step_made_are_what_the_next_one_is_counted_by() -> None:
    read = step("read", double, {"x": ("cut.y", ROWS)}, {"y": ROWS}, facts=Facts(counted="cut.y"))
    run([read], Case(cut__y=np.zeros((7, 2), np.float32)))
    assert read.rows + len(read.times) == 7


def test_a_request_that_nobody_waits_for_begins_no_further_step() -> None:
    left, kept = Case(1, x=np.ones(1, np.float32)), Case(2, x=np.ones(1, np.float32))

    def first(inputs: dict[str, Any]) -> dict[str, Any]:
        left.done = True
        return double(inputs)

    steps = [
        step("one", first, {"x": ("x", ONE)}, {"y": ONE}),
        step("two", double, {"x": ("one.y", ONE)}, {"y": ONE}, own=True),
    ]
    run(steps, left, kept)
    assert isinstance(left.error, graph.Left)
    assert "two.y" not in left.values
    assert kept.values["two.y"].tolist() == [4]
    assert steps[1].errors == 0


# --- what steps promise each other --------------------------------------------------------------------------------


def work(name: str, given: TensorType, *, run: str = "", taken: TensorType = ONE, source: str = "x") -> StepWork:
    signature = Signature({"x": taken}, {"y": given})
    return StepWork(
        name=name, model="" if run else name, run=run, repeatable=True, inputs={"x": source}, signature=signature
    )


def test_a_model_that_gives_another_shape_than_the_next_step_takes_is_named() -> None:
    model = work("net", TensorType("FP32", ("batch", 3)))
    taker = work("after", ONE, run="m:f", taken=TensorType("FP32", ("batch", 3)), source="net.y")
    ((key, fit),) = promises.fits(taker, [model, taker])
    assert key == "net.y"
    fit(np.zeros((5, 3), np.float32))
    fit(None)
    with pytest.raises(RequestError, match=r"step 'net' gave y of shape \[1, 4\]; step 'after' takes FP32\[batch, 3\]"):
        fit(np.zeros((1, 4), np.float32))
    with pytest.raises(RequestError, match=r"shape \[3\]") as caught:
        fit(np.zeros(3, np.float32))
    assert caught.value.status == 500


def test_a_free_dimension_that_goes_where_a_number_is_wanted_is_looked_at() -> None:
    giver = work("cut", TensorType("FP32", ("batch", "n")), run="m:f")
    taker = work("after", ONE, run="m:f", taken=TensorType("FP32", ("batch", 3)), source="cut.y")
    ((_, fit),) = promises.fits(taker, [giver, taker])
    fit(np.zeros((0, 0), np.float32))
    with pytest.raises(RequestError, match="step 'cut' gave"):
        fit(np.zeros((1, 4), np.float32))


def test_what_was_proved_or_looked_at_already_is_not_looked_at_again() -> None:
    giver = work("cut", TensorType("FP32", ("batch", 3)), run="m:f")
    fixed = work("after", ONE, run="m:f", taken=TensorType("FP32", ("batch", 3)), source="cut.y")
    free = work("free", ONE, run="m:f", taken=TensorType("FP32", ("batch", "n")), source="cut.y")
    assert promises.fits(fixed, [giver, fixed]) == []
    assert promises.fits(free, [giver, free]) == []
    assert promises.fits(work("first", ONE), []) == []


def test_a_model_that_gives_another_number_of_rows_than_it_got_is_named() -> None:
    signature = Signature({"x": ROWS}, {"y": ROWS})
    kept = promises.row_for_row(Runnable("net", "sync", signature, lambda inputs: {"y": inputs["x"]}))
    assert kept.function({"x": np.zeros((3, 2))})["y"].shape == (3, 2)
    short = promises.row_for_row(Runnable("net", "sync", signature, lambda inputs: {"y": inputs["x"][1:]}))
    with pytest.raises(RequestError, match=r"step 'net' gave y of shape \[2, 2\] for 3 rows") as found:
        short.function({"x": np.zeros((3, 2))})
    assert found.value.status == 500


def test_more_rows_than_a_request_may_become_are_refused_by_name_number_and_limit() -> None:
    def cut(inputs: dict[str, Any]) -> dict[str, Any]:
        return {"y": Rows([np.zeros(2)] * int(inputs["x"][0]), np.dtype(np.float64)), "other": np.zeros(1)}

    signature = Signature({"x": ONE}, {"y": TensorType("FP64", ("batch", "~width")), "other": ONE})
    bounded = promises.bounded(Runnable("cut", "sync", signature, cut), 3)
    assert bounded.function({"x": np.full(1, 3)})["y"].shape == (3,)
    with pytest.raises(
        RequestError, match="step 'cut' makes 4 rows of this request; limits: fan_out allows 3"
    ) as found:
        bounded.function({"x": np.full(1, 4)})
    assert found.value.status == 413
