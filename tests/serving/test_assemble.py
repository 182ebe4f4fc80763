"""Where the steps of a service run: on the loop, in the one thread, or as tasks."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from longspan.base.errors import LongspanError
from longspan.base.signatures import Signature, TensorType
from longspan.serving import assemble, composed
from longspan.serving.endpoint import Endpoint
from longspan.serving.loaded import Loaded
from longspan.serving.pace import SLOW
from longspan.serving.runner import Groups, Workshop
from longspan.serving.runtimes import Runnable
from longspan.serving.tasks import Tasks
from longspan.serving.thread import ChainThread
from longspan.serving.warmup import Measured
from longspan.wire.orders import Limits, ServiceWork, StepWork, Work

ROWS = TensorType("FP32", ("batch", 4))
CURVE = ((1, 1000), (2, 1100), (4, 1300), (8, 1700))


def same(inputs: dict[str, Any]) -> dict[str, Any]:
    return {"y": next(iter(inputs.values()))}


def step(name: str, sources: str = "x", *, run: str = "", call: str = "sync", **more: Any) -> StepWork:
    inputs = dict(zip("abc", sources.split(), strict=False))
    signature = Signature(dict.fromkeys(inputs, ROWS), {"y": ROWS}, call)  # type: ignore[arg-type]
    made = StepWork(name=name, model="" if run else "net", run=run, repeatable=True, inputs=inputs, signature=signature)
    return msgspec.structs.replace(made, **more)


def endpoint(*steps: StepWork, took: int = 1000) -> Endpoint:
    service = ServiceWork(
        name="s", version="1", inputs={"x": ROWS}, outputs={"y": f"{steps[-1].name}.y"}, steps=steps, accepts={},
        answers={}, limits=Limits(),
    )  # fmt: skip
    made: dict[tuple[str, str], Runnable] = {
        ("s", one.name): Runnable(one.name, one.signature.call, one.signature, same) for one in steps if one.run
    }
    net = Runnable("net", "sync", Signature({"a": ROWS}, {"y": ROWS}), same)
    loaded = Loaded({"net": net}, {"net": Measured(CURVE, took)}, made)
    loop = asyncio.new_event_loop()
    try:
        workshop = Workshop(loop, ChainThread(loop), lambda: None)
        ((built, _),) = assemble.endpoints(Work(unit="s", services=(service,)), loaded, workshop)
    finally:
        loop.close()
    return built


def test_a_chain_of_quick_models_runs_on_the_loop() -> None:
    lane = endpoint(step("one"), step("two", "one.y")).lane
    assert isinstance(lane, Groups)
    assert lane.inline


def test_branches_of_quick_models_run_on_the_loop_too() -> None:
    lane = endpoint(step("one"), step("two"), step("last", "one.y two.y")).lane
    assert isinstance(lane, Groups)
    assert lane.inline


def test_branches_of_slow_models_or_of_python_steps_run_as_tasks() -> None:
    diamond = (step("one"), step("two"), step("last", "one.y two.y"))
    assert isinstance(endpoint(*diamond, took=SLOW).lane, Tasks)
    assert isinstance(endpoint(step("one", run="m:f"), *diamond[1:]).lane, Tasks)


@pytest.mark.parametrize("make", [lambda: step("two", "one.y", run="m:f"), lambda: step("two", "one.y")])
def test_a_slow_chain_runs_in_the_thread(make: Callable[[], StepWork]) -> None:
    lane = endpoint(step("one"), make(), step("last", "one.y two.y"), took=SLOW).lane
    assert isinstance(lane, Groups)
    assert not lane.inline


def test_a_chain_with_an_asynchronous_step_runs_as_tasks() -> None:
    assert isinstance(endpoint(step("one"), step("two", "one.y", run="m:f", call="async")).lane, Tasks)


def test_a_step_in_another_unit_needs_a_way_there() -> None:
    with pytest.raises(LongspanError, match=r"step 'two' runs in 's\.two', and there is no egress socket"):
        endpoint(step("one"), step("two", "one.y", model="", unit="s.two", version="1"))


def test_a_step_runs_as_many_rows_as_its_model_gains_by() -> None:
    built = endpoint(step("one"), step("two", "one.y", run="m:f"))
    assert [one.rows_limit for one in built.steps] == [8, 64]


def test_a_model_and_its_callable_share_runs_only_when_each_row_goes_through_both_by_itself() -> None:
    after = Signature({"y": ROWS}, {"y": ROWS})
    whole = step("one", run="m:f", model="net", after=after)
    assert endpoint(whole).steps[0].batched
    sums = Signature({"a": ROWS}, {"y": TensorType("FP32", (4,))})
    runnable = Runnable("net", "sync", sums, same)
    assert not composed.row_by_row(whole, runnable)
