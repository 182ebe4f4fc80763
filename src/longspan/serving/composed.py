"""A model and the callable that takes what it gives, as one step.

What the model gives never leaves the step: a callable that makes a word of 18,710 scores for each strip of a line
spares the graph, and the socket of a step apart, all but the word.
"""

from __future__ import annotations

from typing import Any

import msgspec

from longspan.base.errors import LongspanError
from longspan.serving.runtimes import Runnable
from longspan.wire.orders import StepWork


def after(step: StepWork) -> StepWork:
    """The callable of `step` by itself: what it takes of the model comes from a step, never from a client."""
    assert step.after is not None, "a step of a model and a callable says what the callable takes"
    inputs = {name: step.inputs.get(name, f"{step.name}.{name}") for name in step.after.inputs}
    return msgspec.structs.replace(step, signature=step.after, inputs=inputs)


def row_by_row(step: StepWork, model: Runnable) -> bool:
    """Does each row go through both by itself? Only then may those of several requests share a run."""
    between = [tensor for name, tensor in model.signature.outputs.items() if step.after and name in step.after.inputs]
    return all(tensor.batched for tensor in between)


def compose(step: StepWork, model: Runnable, callee: Runnable) -> Runnable:
    """The model, and then the callable: one function of all that the step takes.

    Raises `LongspanError` when the callable is asynchronous or streams: it stands where the model's thread is.
    """
    if callee.call != "sync":
        raise LongspanError(
            f"step {step.name!r} has a model, and its callable is not a plain function",
            at=step.run,
            remedy="Write it without async, or make it a step of its own",
        )
    taken = tuple(model.signature.inputs)
    beside = tuple(name for name in callee.signature.inputs if name not in model.signature.outputs)
    infer, call = model.function, callee.function

    def function(inputs: dict[str, Any]) -> Any:
        given = infer({name: inputs[name] for name in taken})
        if beside:
            given = given | {name: inputs.get(name) for name in beside}
        return call(given)

    return Runnable(step.name, "sync", step.signature, function)
