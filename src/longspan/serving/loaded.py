"""Everything that a worker runs, loaded and measured before it listens."""

from __future__ import annotations

from dataclasses import dataclass
from time import monotonic_ns

from longspan.serving import composed, logs, warmup
from longspan.serving.runtimes import Runnable
from longspan.wire.orders import Orders, ServiceWork, Work


@dataclass(frozen=True, slots=True)
class Loaded:
    """Everything that runs here."""

    models: dict[str, Runnable]
    measured: dict[str, warmup.Measured]
    steps: dict[tuple[str, str], Runnable]
    """(service, step) -> what has a callable: a Python step, or a model and what follows it."""


def load(orders: Orders, secrets: dict[str, str]) -> Loaded:
    """Load models and steps, and warm the models up. Raises `LongspanError` that names what cannot be loaded."""
    work = orders.work
    models: dict[str, Runnable] = {}
    if work.models:
        from longspan.serving.runtimes import onnx  # a unit without models needs no onnxruntime

        for model in work.models:
            models[model.name] = onnx.load(model, orders.model_paths[model.name], orders.graphs)
    steps = {}
    for service in work.services:
        for step in service.steps:
            if step.run and not step.unit:
                from longspan.serving.runtimes import python

                if step.model:
                    callee = python.load(composed.after(step), secrets)
                    steps[service.name, step.name] = composed.compose(step, models[step.model], callee)
                else:
                    steps[service.name, step.name] = python.load(step, secrets)
    pads = _pads(work)
    measured = {name: _warm(model, pads.get(name, {})) for name, model in models.items()}
    return Loaded(models, measured, steps)


def _pads(work: Work) -> dict[str, dict[str, int]]:
    """Model -> what its inputs are padded to by the steps that run it, here or for another unit."""
    pads: dict[str, dict[str, int]] = {}
    for service in work.services:
        for step in service.steps:
            if step.model and step.pad:
                pads.setdefault(step.model, {}).update(step.pad)
    return pads


def pad_of(service: ServiceWork, place: int) -> dict[str, int]:
    """What a step pads. A step apart is given rows of one size: whoever calls it has put them together."""
    return {} if service.internal else service.steps[place].pad


def _warm(model: Runnable, pad: dict[str, int]) -> warmup.Measured:
    measured = warmup.measure(model, monotonic_ns, pad)
    if measured.problem:
        logs.event("warning", f"model {model.name} was not warmed up, zeros do not run: {measured.problem}")
    return measured
