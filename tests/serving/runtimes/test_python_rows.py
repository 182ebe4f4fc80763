"""Rows of different sizes in and out of a Python step, inputs that may be None, and a model before the callable."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
import pytest

from longspan.base.errors import LongspanError
from longspan.base.signatures import Signature
from longspan.serving import composed
from longspan.serving.rows import Rows
from longspan.serving.runtimes import Runnable
from longspan.serving.runtimes.python import load
from longspan.wire.orders import StepWork
from tests.serving.runtimes.calling import failure, of, step, types
from tests.serving.runtimes.conftest import Module

CROPS = 'Annotated[list[NDArray[np.float32]], Shape("batch", 2, "~width")]'
FP32 = np.dtype(np.float32)


def rows(*widths: int) -> Rows:
    return Rows([np.full((2, width), width, FP32) for width in widths], FP32)


def test_rows_are_a_list_of_arrays_both_ways(module: Module) -> None:
    runnable = step(
        module(f"def f(x: {CROPS}) -> {CROPS}: return [one * np.float32(2) for one in reversed(x)]"),
        "x FP32[batch, 2, ~width]", "result FP32[batch, 2, ~width]",
    )  # fmt: skip
    result = runnable.function({"x": rows(3, 1)})["result"]
    assert isinstance(result, Rows)
    assert result.dtype == FP32
    assert [array.tolist() for array in result.arrays] == [[[2], [2]], [[6, 6, 6], [6, 6, 6]]]
    assert runnable.function({"x": rows()})["result"].shape == (0,)


@pytest.mark.parametrize(
    ("returned", "problem"),
    [
        (
            "np.zeros(2, 'f4')[0]",
            "'result' of step 's' is FP32[batch, 2, ~width]; a float32 came: return a list",
        ),
        ("None", "; None came: return a list of arrays"),
        ("[np.zeros((3, 1), 'f4')]", "row 0 of output 'result' of step 's' is FP32[2, ~width]; came shape [3, 1]"),
        (
            "[np.zeros((2, 1), 'f4'), np.zeros(2, 'f4')]",
            "row 1 of output 'result' of step 's' is FP32[2, ~width], 2",
        ),
        ("[np.zeros((2, 1), 'f8')]", "array of float64 came, which does not become FP32 without loss"),
    ],
)
def test_what_are_no_rows_of_their_type_is_a_500_that_says_which(returned: str, problem: str, module: Module) -> None:
    error = failure(step(module(f"def f() -> {CROPS}: return {returned}"), "", "result FP32[batch, 2, ~width]"))
    assert error.status == 500
    assert problem in error.problem


def test_a_dimension_that_does_not_differ_is_the_same_in_every_row(module: Module) -> None:
    source = "def f(): return [np.zeros((2, 1), 'f4'), np.zeros((3, 1), 'f4')]"
    assert "height is 3 here and 2 elsewhere" in failure(step(module(source), "", "y FP32[batch, height, ~w]")).problem
    fine = "def f(): return [np.zeros((2, 1), 'f4'), np.zeros((2, 5), 'f4')]"
    assert step(module(fine, "fine"), "", "y FP32[batch, height, ~w]").function({})["y"].shape == (2,)


def test_a_row_for_each_is_held_against_the_rows_that_came(module: Module) -> None:
    both = "x FP32[batch, 2, ~width]", "result FP32[batch, 2, ~width]"
    assert "batch is 1 here and 2 elsewhere" in failure(
        step(module(f"def f(x: {CROPS}) -> {CROPS}: return x[1:]"), *both), x=rows(1, 2)  # type: ignore[arg-type]
    ).problem  # fmt: skip


def test_a_step_may_make_no_rows(module: Module) -> None:
    made = step(module("def f(): return np.zeros((0, 2), 'f4')"), "", "y FP32[batch, 2]")
    assert made.function({})["y"].shape == (0, 2)


def test_an_optional_input_is_none_when_it_is_not_there(module: Module) -> None:
    source = """
        Rows = Annotated[NDArray[np.float32], Shape("batch")]
        def f(x: Rows | None, y: str) -> Json: return [None if x is None else x.tolist(), y]
    """
    signature = Signature(types("x FP32[batch]; y TEXT[1]"), types("result JSON[1]"), optional=("x",))
    work = StepWork(
        name="s", run=f"{module(source)}:f", repeatable=False, signature=signature, inputs={"x": "a.x", "y": "b.y"}
    )
    runnable = load(work, {})
    for given in ({"x": None, "y": of(b"t")}, {"y": of(b"t")}):
        assert runnable.function(given)["result"][0] == b'[null,"t"]'
    assert runnable.function({"x": np.ones(2, FP32), "y": of(b"t")})["result"][0] == b'[[1.0,1.0],"t"]'


def test_rows_of_an_optional_input_count_when_it_is_there(module: Module) -> None:
    source = """
        Rows = Annotated[NDArray[np.float32], Shape("batch")]
        def f(x: Rows | None) -> Rows: return np.ones(2, np.float32)
    """
    signature = Signature(types("x FP32[batch]"), types("result FP32[batch]"), optional=("x",))
    work = StepWork(name="s", run=f"{module(source)}:f", repeatable=False, signature=signature, inputs={"x": "a.x"})
    runnable = load(work, {})
    assert runnable.function({"x": None})["result"].shape == (2,)
    assert "batch is 2 here and 3 elsewhere" in failure(runnable, x=np.ones(3, FP32)).problem


# --- a model, and then a callable ---------------------------------------------------------------------------------


def model(inputs: dict[str, Any]) -> dict[str, Any]:
    assert inputs.keys() == {"x"}
    return {"sums": inputs["x"].sum(axis=1), "other": inputs["x"]}


def composite(run: str) -> Runnable:
    whole = Signature(types("x FP32[batch, 2]; unit TEXT[1]"), types("result TEXT[batch]"))
    after = Signature(types("sums FP32[batch]; unit TEXT[1]"), types("result TEXT[batch]"))
    work = StepWork(
        name="read", model="net", run=run, repeatable=True, signature=whole, after=after,
        inputs={"x": "cut.x", "unit": "unit"},
    )  # fmt: skip
    net = Runnable(
        "net", "sync", Signature(types("x FP32[batch, 2]"), types("sums FP32[batch]; other FP32[batch, 2]")), model
    )
    return composed.compose(work, net, load(composed.after(work), {}))


LETTERS = """
    Sums = Annotated[NDArray[np.float32], Shape("batch")]
    def f(sums: Sums, unit: str) -> Annotated[list[str], Shape("batch")]: return [f"{one:g}{unit}" for one in sums]
"""


def test_the_callable_takes_what_the_model_gives_and_whatever_else_it_names(module: Module) -> None:
    read = composite(f"{module(LETTERS)}:f")
    assert (read.name, read.call) == ("read", "sync")
    given = {"x": np.array([[1, 2], [3, 4]], FP32), "unit": of(b"mm")}
    assert read.function(given)["result"].tolist() == [b"3mm", b"7mm"]


def test_what_the_client_sent_is_the_clients_and_what_the_model_gave_is_not(module: Module) -> None:
    read = composite(f"{module(LETTERS)}:f")
    assert failure(read, x=np.ones((1, 2), FP32), unit=of(b"\xff")).status == 400


def test_a_callable_after_a_model_is_a_plain_function(module: Module) -> None:
    with pytest.raises(LongspanError, match="step 'read' has a model, and its callable is not a plain function"):
        composite(f"{module(LETTERS.replace('def f', 'async def f'))}:f")


def test_settings_and_secrets_are_the_callables(module: Module) -> None:
    source = """
        class Letters:
            def __init__(self, unit: str) -> None: self.unit = unit
            def __call__(self, sums: Annotated[NDArray[np.float32], Shape("batch")]) -> Json: return self.unit
    """
    work = StepWork(
        name="read", model="net", run=f"{module(source)}:Letters", repeatable=True, settings={"unit": {"$env": "UNIT"}},
        signature=Signature(types("x FP32[batch, 2]"), types("result JSON[1]")),
        after=Signature(types("sums FP32[batch]"), types("result JSON[1]")), inputs={"x": "x"},
    )  # fmt: skip
    after = composed.after(work)
    assert (after.settings, msgspec.structs.replace(after, signature=work.signature, inputs=work.inputs)) == (
        work.settings, work,
    )  # fmt: skip
    assert load(after, {"UNIT": "metre"}).function({"sums": np.ones(1, FP32)})["result"][0] == b'"metre"'
