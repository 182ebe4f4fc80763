"""From orders to endpoints: load what they name, measure the models, give each endpoint its lane."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from time import monotonic_ns

from longspan.base.signatures import Signature, TensorType
from longspan.serving import logs, warmup
from longspan.serving.batching import rows_limit
from longspan.serving.endpoint import Endpoint
from longspan.serving.graph import Step
from longspan.serving.pace import SLOW, Pace
from longspan.serving.runner import Groups, Limits, Workshop
from longspan.serving.runtimes import Runnable
from longspan.serving.tasks import Tasks
from longspan.wire.natural import Negotiator
from longspan.wire.orders import ModelWork, Orders, ServiceWork, Work

OBJECTIVE = 100_000_000
"""Nanoseconds that a shared run in the thread may take, as measured."""
OWN_ROWS = 64
"""Rows that a Python step gets at once when it says that it takes a batch."""

SERVICE_PLATFORM = "longspan_service"
MODEL_PLATFORM = "onnx_onnxv1"


@dataclass(frozen=True, slots=True)
class Loaded:
    """Everything that runs."""

    models: dict[str, Runnable]
    measured: dict[str, warmup.Measured]
    steps: dict[tuple[str, str], Runnable]
    """(service, step) -> its Python step."""


def load(orders: Orders, secrets: dict[str, str]) -> Loaded:
    """Load models and steps, and warm the models up. Raises `LongspanError` that names what cannot be loaded."""
    work = orders.work
    models: dict[str, Runnable] = {}
    if work.models:
        from longspan.serving.runtimes import onnx  # a unit without models needs no onnxruntime

        for model in work.models:
            models[model.name] = onnx.load(model, orders.model_paths[model.name], orders.graphs)
    steps = {}
    if any(step.run for service in work.services for step in service.steps):
        from longspan.serving.runtimes import python

        for service in work.services:
            for step in service.steps:
                if step.run:
                    steps[service.name, step.name] = python.load(step, secrets)
    return Loaded(models, {name: _warm(model) for name, model in models.items()}, steps)


def _warm(model: Runnable) -> warmup.Measured:
    measured = warmup.measure(model, monotonic_ns)
    if measured.problem:
        logs.event("warning", f"model {model.name} was not warmed up, zeros do not run: {measured.problem}")
    return measured


def endpoints(work: Work, loaded: Loaded, workshop: Workshop) -> list[tuple[Endpoint, str]]:
    """All services and answering models, each with its platform name, ready to be called."""
    made = [(_service(service, loaded, workshop), SERVICE_PLATFORM) for service in work.services]
    made += [(_model(model, work, loaded, workshop), MODEL_PLATFORM) for model in _answering(work)]
    return made


def _answering(work: Work) -> list[ModelWork]:
    return [model for model in work.models if model.answers]


def _service(service: ServiceWork, loaded: Loaded, workshop: Workshop) -> Endpoint:
    name = service.name
    signatures = {step.name: step.signature for step in service.steps}
    wanted = {source for step in service.steps for source in step.inputs.values()} | set(service.outputs.values())
    last = service.steps[-1]
    final = all(source == f"{last.name}.{output}" for output, source in service.outputs.items())
    steps = []
    for step in service.steps:
        runnable = loaded.steps[name, step.name] if step.run else loaded.models[step.model]
        used = [output for output in step.signature.outputs if f"{step.name}.{output}" in wanted]
        steps.append(
            Step(
                step.name,
                runnable,
                step.inputs,
                used,
                first=step is service.steps[0],
                final=final and step is last,
                own=bool(step.run),
                repeatable=step.repeatable,
            )
        )
    endpoint = Endpoint(
        name,
        service.version,
        inputs=service.inputs,
        outputs={output: (source, _typed(signatures, source)) for output, source in service.outputs.items()},
        negotiator=Negotiator(service.accepts, service.answers) if service.accepts and service.answers else None,
        streams=any(step.call == "stream" for step in steps),
        final=final,
        limits=service.limits,
        internal=service.internal,
        optional=service.steps[0].signature.optional if service.internal else (),
    )
    measured = [None if step.run else loaded.measured[step.model] for step in service.steps]
    return _give_lane(endpoint, steps, measured, service.limits.queue, workshop)


def _typed(signatures: dict[str, Signature], source: str) -> TensorType:
    step, _, output = source.partition(".")
    return signatures[step].outputs[output]


def _model(model: ModelWork, work: Work, loaded: Loaded, workshop: Workshop) -> Endpoint:
    name, signature = model.name, model.signature
    step = Step(
        name,
        loaded.models[name],
        {key: key for key in signature.inputs},
        list(signature.outputs),
        first=True,
        final=True,
        own=False,
        repeatable=True,
    )
    endpoint = Endpoint(
        name,
        model.version,
        inputs=signature.inputs,
        outputs={output: (f"{name}.{output}", tensor) for output, tensor in signature.outputs.items()},
        negotiator=None,
        streams=False,
        final=True,
        limits=work.limits,
    )
    return _give_lane(endpoint, [step], [loaded.measured[name]], work.limits.queue, workshop)


def _give_lane(
    endpoint: Endpoint,
    steps: Sequence[Step],
    measured: Sequence[warmup.Measured | None],
    queue: int,
    workshop: Workshop,
) -> Endpoint:
    endpoint.steps = steps
    if any(step.call != "sync" for step in steps):
        endpoint.lane = Tasks(endpoint.name, steps, workshop, queue=queue, finish=endpoint.finish, out=endpoint)
        return endpoint
    models = [one for one in measured if one is not None]
    # A chain of nothing but models may run on the loop.
    pace = Pace(inline=sum(one.slowest for one in models) < SLOW) if len(models) == len(steps) else None
    limits = _limits(steps, measured)
    endpoint.lane = Groups(endpoint.name, steps, limits, pace, workshop, queue=queue, finish=endpoint.finish)
    return endpoint


def _limits(steps: Sequence[Step], measured: Sequence[warmup.Measured | None]) -> Limits:
    def of(within: int) -> list[int]:
        found = []
        for step, one in zip(steps, measured, strict=True):
            if not step.batched:
                found.append(1)
            else:
                found.append(OWN_ROWS if one is None else rows_limit(one.curve, within))
        return found

    def group(limits: Iterable[int]) -> int:
        """What enters the chain together: as many as its models gain by; its first one waits for all of them."""
        batched = [(limit, step.own) for limit, step in zip(limits, steps, strict=True) if step.batched]
        models = [limit for limit, own in batched if not own]
        return min(models or [limit for limit, _ in batched] or [1])

    inline, thread = of(SLOW // len(steps)), of(OBJECTIVE)
    return Limits(inline, thread, group(inline), group(thread))
