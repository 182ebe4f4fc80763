"""From orders to endpoints: prepare the steps of what was loaded, give each endpoint its lane."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from longspan.base.errors import LongspanError
from longspan.base.signatures import Signature, TensorType
from longspan.serving import composed, order, promises, warmup
from longspan.serving.admission import Edge
from longspan.serving.batching import rows_limit
from longspan.serving.company import OBJECTIVE, limits
from longspan.serving.egress import Caller, remote
from longspan.serving.endpoint import Endpoint
from longspan.serving.loaded import Loaded, load, pad_of
from longspan.serving.pace import SLOW, Pace
from longspan.serving.runner import Groups, Workshop
from longspan.serving.runtimes import Runnable
from longspan.serving.step import Step
from longspan.serving.tasks import Tasks
from longspan.wire.natural import Negotiator
from longspan.wire.orders import ModelWork, ServiceWork, StepWork, Work

__all__ = ["Loaded", "endpoints", "load"]

CALL_BYTES = 4 << 20
"""Of the padded inputs of one call to a step in another unit, unless a single row has more."""

SERVICE_PLATFORM = "longspan_service"
MODEL_PLATFORM = "onnx_onnxv1"


def endpoints(
    work: Work, loaded: Loaded, workshop: Workshop, caller: Caller | None = None
) -> list[tuple[Endpoint, str]]:
    """All services and answering models, each with its platform name, ready to be called.

    `caller` calls the steps that run in other units; None when there are none. Raises `LongspanError`.
    """
    made = [(_Service(service, loaded, workshop, caller).endpoint(), SERVICE_PLATFORM) for service in work.services]
    made += [(_model(model, work, loaded, workshop), MODEL_PLATFORM) for model in work.models if model.answers]
    return made


class _Service:
    """A service on its way to an endpoint."""

    def __init__(self, service: ServiceWork, loaded: Loaded, workshop: Workshop, caller: Caller | None) -> None:
        self._service, self._loaded, self._workshop, self._caller = service, loaded, workshop, caller
        self._edges: list[Edge] = []

    def endpoint(self) -> Endpoint:
        service = self._service
        signatures = {step.name: step.signature for step in service.steps}
        last = service.steps[-1]
        final = all(source == f"{last.name}.{output}" for output, source in service.outputs.items())
        steps = self._steps(final)
        endpoint = Endpoint(
            service.name,
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
        endpoint.edges = tuple(self._edges)
        before = order.waits(service.steps)
        known = self._loaded.measured
        measured = [known[step.model] if step.model and not step.unit else None for step in service.steps]
        return _give_lane(endpoint, steps, before, measured, service.limits.queue, self._workshop)

    def _steps(self, final: bool) -> list[Step]:
        service = self._service
        sources = {source for step in service.steps for source in step.inputs.values()}
        wanted = sources | set(service.outputs.values()) | {order.condition(step.when)[0] for step in service.steps}
        steps = []
        for place, (step, facts) in enumerate(zip(service.steps, order.facts(service.steps), strict=True)):
            used = [output for output in step.signature.outputs if f"{step.name}.{output}" in wanted]
            runnable = self._runnable(step, used)
            if order.makes(step) and runnable.call != "stream":
                runnable = promises.bounded(runnable, service.limits.fan_out)
            elif step.model and step.signature.batched and len(service.steps) > 1:
                runnable = promises.row_for_row(runnable)
            made = Step(
                step.name,
                runnable,
                step.inputs,
                used,
                first=place == 0,
                final=final and place == len(service.steps) - 1,
                own=bool(step.run) and not step.unit,
                repeatable=step.repeatable and self._row_by_row(step),
                when=step.when,
                facts=facts,
                pad=pad_of(service, place),
                fits=promises.fits(step, service.steps),
            )
            if made.padding is not None:
                made.padding.most_cells = self._most_cells(step)
            steps.append(made)
        return steps

    def _runnable(self, step: StepWork, used: Sequence[str]) -> Runnable:
        if step.unit:
            if self._caller is None:
                raise LongspanError(f"step {step.name!r} runs in {step.unit!r}, and there is no egress socket")
            there = remote(step, self._service, self._caller, outputs=used)
            self._edges.append(there.edge)
            return there.runnable
        if step.run:
            return self._loaded.steps[self._service.name, step.name]
        return replace(self._loaded.models[step.model], name=step.name)

    def _row_by_row(self, step: StepWork) -> bool:
        both = step.model and step.run and not step.unit
        return not both or composed.row_by_row(step, self._loaded.models[step.model])

    def _most_cells(self, step: StepWork) -> int:
        """Elements of one run: as many as a run has of the size that was measured, so that wider rows go by fewer."""
        if step.unit:
            return CALL_BYTES // 4
        if not step.model:
            return 0
        measured = self._loaded.measured[step.model]
        return measured.cells * rows_limit(measured.curve, OBJECTIVE)


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
    return _give_lane(endpoint, [step], (frozenset(),), [loaded.measured[name]], work.limits.queue, workshop)


def _give_lane(
    endpoint: Endpoint,
    steps: Sequence[Step],
    before: order.Needs,
    measured: Sequence[warmup.Measured | None],
    queue: int,
    workshop: Workshop,
) -> Endpoint:
    """One thread, or the loop, for a chain; tasks for anything else.

    Branches of nothing but models that are quick together run one after the other, on the loop: for those a task
    costs more than it saves.
    """
    endpoint.steps = steps
    for step in steps:
        step.place = workshop.noted.place(endpoint.name, step.name)
    models = [one for one in measured if one is not None]
    modelled = not any(step.own or step.call != "sync" for step in steps)
    quick = modelled and sum(one.slowest for one in models) < SLOW
    rows = limits(steps, measured)
    if any(step.call != "sync" for step in steps) or not (quick or order.chain(before)):
        endpoint.lane = Tasks(
            endpoint.name, steps, before, rows, workshop, queue=queue, finish=endpoint.finish, out=endpoint
        )
        return endpoint
    # A chain of nothing but models may run on the loop.
    pace = Pace(inline=quick) if modelled else None
    endpoint.lane = Groups(
        endpoint.name, steps, rows, pace, workshop, queue=queue, finish=endpoint.finish, parts=endpoint.internal
    )
    return endpoint
