"""What `status` and `top` tell: the units with their replicas, and the steps wherever they run.

A step that runs apart is seen in two load pages. The entry unit's tells what became of requests: who waits (those that
are in the other unit included), what failed, was skipped or padded. The unit's own tells what it ran and for how long;
its runs are calls, of which a padded step makes one for each width. So each figure is taken from one page, never both.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Literal, Protocol

from longspan.client import messages
from longspan.system.records import Count, Pin, Replica, Sample, Wanted


class Memory(Protocol):
    """How the replicas of a unit are held to the memory they are granted (`longspan.control.snapshot.Memory`)."""

    @property
    def guard(self) -> Literal["watched", "cgroup"]: ...
    @property
    def replaced(self) -> int: ...
    @property
    def trouble(self) -> str: ...


class StepLoad(Protocol):
    """A step in a load page (`longspan.wire.load.StepLoad`)."""

    endpoint: str
    step: str
    count: int
    seconds: float
    errors: int
    waiting: int
    cells: int
    padding: int
    skipped: int


def views(
    wanted: Sequence[Wanted],
    replicas: Sequence[Replica],
    last_log: Callable[[str, int], tuple[str, ...]],
    load: messages.LoadView | None = None,
    reasons: Mapping[str, str] | None = None,
    memory: Mapping[str, Memory] | None = None,
    there: Mapping[str, str] | None = None,
    ends: Mapping[tuple[str, int], str] | None = None,
) -> tuple[messages.UnitView, ...]:
    """What `status` tells of each unit; log lines only of replicas that are in trouble.

    `reasons`: unit -> why it has that many, as `reason` says. `memory`: of each unit that is granted some. `there`: of
    each unit whose server is there already, what is wrong with that; it is shown as one replica without a process.
    `ends`: (unit, slot) -> how its last process ended.
    """
    counts: Counter[str] = Counter()
    units, generations = {}, {}
    for want in wanted:
        generations[want.unit.name] = want.generation
        # While a generation replaces another, both stand here; people ask for the count of the newer one.
        counts[want.unit.name] = want.unit.replicas
        units[want.unit.name] = want.unit
    held = {done.replica: done.memory_bytes for done in load.replicas} if load else {}
    names = dict.fromkeys((*counts, *(r.unit for r in replicas)))
    found = []
    for name in names:
        unit, guarded = units.get(name), (memory or {}).get(name)
        mine = [
            _view(
                r, last_log, held.get(r.slot.replica, r.memory_bytes), (ends or {}).get((r.slot.unit, r.slot.slot), "")
            )
            for r in replicas
            if r.unit == name
        ]
        if there and name in there:
            mine.append(_seen(there[name], generations[name]))
        found.append(
            messages.UnitView(
                name=name,
                wanted=counts[name],
                replicas=tuple(mine),
                reason=(reasons or {}).get(name, ""),
                cpu=unit.cpu if unit else 0.0,
                memory_bytes=unit.memory_bytes if unit else 0,
                memory_guard=guarded.guard if guarded else "",
                memory_replaced=guarded.replaced if guarded else 0,
                memory_trouble=guarded.trouble if guarded else "",
            )
        )
    return tuple(found)


def reason(count: Count | None, pin: Pin | None, now: int) -> str:
    """Why a unit has that many replicas, where it is not the file alone that says so. `now`: UTC nanoseconds."""
    if pin is not None and now < pin.until:
        until = datetime.fromtimestamp(pin.until // 10**9, UTC)
        return f"pinned by {pin.author} until {until:%Y-%m-%d %H:%M:%SZ}"
    return count.reason if count is not None else ""


def _view(
    replica: Replica, last_log: Callable[[str, int], tuple[str, ...]], memory_bytes: int, ended: str
) -> messages.ReplicaView:
    slot = replica.slot
    troubled = replica.state in ("crash-loop", "dead") or slot.quick_deaths
    return messages.ReplicaView(
        slot=slot.slot,
        pid=replica.pid,
        state=replica.state,
        generation=slot.generation,
        restarts=slot.restarts,
        last_log=last_log(slot.unit, slot.slot) if troubled else (),
        memory_bytes=memory_bytes if replica.pid is not None else 0,
        ended=ended,
    )


def _seen(trouble: str, generation: int) -> messages.ReplicaView:
    return messages.ReplicaView(
        slot=0,
        pid=None,
        state="dead" if trouble else "ready",
        generation=generation,
        restarts=0,
        last_log=(trouble,) if trouble else (),
        there=True,
    )


def loads(
    wanted: Sequence[Wanted], replicas: Sequence[Replica], samples: Iterable[Sample], bounds: Sequence[float], now: int
) -> messages.LoadView:
    """What each replica has done since it started.

    `bounds`: upper ends of the duration buckets, in seconds; `now`: UTC nanoseconds. A page whose work nobody wants
    any more has no steps: what they are called in the file is not known.
    """
    works = {want.unit.digest: want.unit.work for want in wanted}
    digests = {replica.slot.replica: replica.digest for replica in replicas}
    found = []
    for sample in samples:
        work, load = works.get(digests.get(sample.replica, "")), sample.load
        services = work.services if work else ()
        # A server of somebody else's counts nothing: what its callers have counted is all there is.
        apart = {
            (service.name, step.name)
            for service in services
            for step in service.steps
            if step.unit and not step.foreign
        }
        internal = {service.name for service in services if service.internal}
        found.append(
            messages.ReplicaDone(
                unit=sample.unit,
                slot=sample.slot,
                replica=sample.replica,
                cpu_seconds=load.cpu_seconds,
                memory_bytes=load.memory_bytes,
                endpoints=tuple(
                    messages.EndpointDone(
                        name=endpoint.name,
                        answers=endpoint.requests,
                        in_flight=endpoint.in_flight,
                        queued=endpoint.queued,
                        buckets=endpoint.duration_buckets,
                    )
                    for endpoint in load.endpoints
                ),
                steps=tuple(_step(step, apart, internal) for step in load.steps) if work else (),
            )
        )
    at = datetime.fromtimestamp(now / 1e9, UTC).isoformat()
    return messages.LoadView(at=at, bounds_seconds=tuple(bounds), replicas=tuple(found))


def _step(step: StepLoad, apart: set[tuple[str, str]], internal: set[str]) -> messages.StepDone:
    """A step of a page under the name that it has in the file, with what this page knows better than the other."""
    runs = (step.endpoint, step.step) not in apart
    calls = step.endpoint not in internal
    return messages.StepDone(
        service=step.endpoint if calls else step.endpoint.partition(".")[0],
        name=step.step,
        count=step.count if runs else 0,
        seconds=step.seconds if runs else 0.0,
        cells=step.cells if calls else 0,
        padding=step.padding if calls else 0,
        errors=step.errors if calls else 0,
        skipped=step.skipped if calls else 0,
        waiting=step.waiting if calls else 0,
    )


def steps(wanted: Sequence[Wanted], load: messages.LoadView) -> tuple[messages.StepView, ...]:
    """All steps of all services in the order of the file, with what their replicas have done together."""
    done: defaultdict[tuple[str, str], list[messages.StepDone]] = defaultdict(list)
    for replica in load.replicas:
        for step in replica.steps:
            done[step.service, step.name].append(step)
    newest = {want.unit.name: want.unit.work for want in wanted}
    return tuple(
        _together(service.name, step.name, step.unit or work.unit, done[service.name, step.name])
        for work in newest.values()
        for service in work.services
        if not service.internal
        for step in service.steps
    )


def _together(service: str, name: str, unit: str, done: Sequence[messages.StepDone]) -> messages.StepView:
    cells = sum(step.cells for step in done)
    return messages.StepView(
        service=service,
        name=name,
        unit=unit,
        count=sum(step.count for step in done),
        errors=sum(step.errors for step in done),
        skipped=sum(step.skipped for step in done),
        seconds=sum(step.seconds for step in done),
        waiting=sum(step.waiting for step in done),
        padding=sum(step.padding for step in done) / cells if cells else 0.0,
    )
