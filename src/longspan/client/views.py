"""How does a system look to people: its replicas and steps as tables, what has happened as lines?

Pure: a `Status` in, text out. `status`, `up` and `apply` show the same things in the same words.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from rich.table import Table
from rich.text import Text

from longspan.client.loglines import readable
from longspan.client.messages import GenerationView, ReplicaView, Status, UnitView
from longspan.client.terminal import table

STYLES = {"ready": "green", "starting": "yellow", "draining": "yellow", "crash-loop": "bold red", "dead": "red"}
TROUBLED = ("crash-loop", "dead")
_LAST_LINES = 5
"""Of a replica's log, when it is told in passing; `troubles` shows all that control sent."""


def headline(status: Status) -> Text:
    """The system in one line: generation, address, and the processes that hold it."""
    generation = f"generation {status.generation}" if status.generation else "no generation serves yet"
    if status.pending:
        generation += f", {status.pending} on its way"
    gateway = f"gateway {status.gateway.pid}" if status.gateway.pid else "gateway down"
    line = Text.assemble((status.system, "bold"), f"   {generation}   {status.url}   ")
    return line + Text(f"control {status.control.pid}, {gateway}", style="dim")


def units_table(status: Status) -> Table:
    """A line for each replica, and one for each unit that has fewer than it wants. Memory, where it is known."""
    known = any(replica.memory_bytes for unit in status.units for replica in unit.replicas)
    made = table("unit", "slot", "state", "pid", "generation", "restarts", *(["memory"] if known else ()))
    for unit in status.units:
        for replica in unit.replicas:
            row: list[str | Text] = [
                unit.name,
                str(replica.slot),
                Text(replica.state, style=STYLES[replica.state]),
                str(replica.pid or "-"),
                str(replica.generation),
                str(replica.restarts),
            ]
            made.add_row(*row, *([memory(replica.memory_bytes)] if known else ()))
        if (missing := unit.wanted - len(unit.replicas)) > 0:
            made.add_row(unit.name, "-", Text(f"{missing} to start", style="dim"))
    return made


def unit_notes(status: Status) -> Iterator[str]:
    """What a unit's replicas are granted, why there are that many, where somebody said, and how the last ones ended."""
    for unit in status.units:
        guard = {"watched": " (watched)", "cgroup": " (watched, and a hard limit)"}.get(unit.memory_guard, "")
        parts = [f"{unit.cpu:g} core{'s' * (unit.cpu != 1)} each"] if unit.cpu else []
        parts += [f"{memory(unit.memory_bytes)} each{guard}"] if unit.memory_bytes else []
        parts += [f"{unit.memory_replaced} replaced for their memory"] if unit.memory_replaced else []
        parts += [f"{unit.wanted} wanted: {unit.reason}"] if unit.reason else []
        if parts:
            yield f"{unit.name}: {'; '.join(parts)}"
        yield from (f"{unit.name}/{one.slot} ended: {one.ended}" for one in unit.replicas if one.ended)


def steps_table(status: Status) -> Table:
    """A line for each step, wherever it runs. What no step has (padding, skips, errors) has no column."""
    padded, skipped, errors = (
        any(getattr(step, name) for step in status.steps) for name in ("padding", "skipped", "errors")
    )
    more = [name for name, shown in (("padding", padded), ("skipped", skipped), ("errors", errors)) if shown]
    made = table("service", "step", "unit", "runs", "mean", "waiting", *more)
    for step in status.steps:
        mean = f"{step.seconds / step.count * 1e3:.2f} ms" if step.count else "-"
        padding = f"{step.padding:.0%}" if step.padding else "-"
        extra = {"padding": padding, "skipped": str(step.skipped), "errors": str(step.errors)}
        cells = (step.service, step.name, step.unit, str(step.count), mean, str(step.waiting))
        made.add_row(*cells, *(extra[name] for name in more))
    return made


def memory(size_bytes: int) -> str:
    """Bytes as people compare them: ``512 MiB``, ``1.5 GiB``; ``-`` for none."""
    if not size_bytes:
        return "-"
    return f"{size_bytes / 2**30:.3g} GiB" if size_bytes >= 2**30 else f"{size_bytes / 2**20:.0f} MiB"


def troubles(status: Status) -> Iterator[str]:
    """Why something does not serve, with the last log lines of what crashed."""
    if status.failed:
        yield f"generation {status.failed.generation} failed: {status.failed.reason}"
    if status.gateway.trouble:
        yield f"gateway: {status.gateway.trouble}"
    yield from (f"{unit.name}: {unit.memory_trouble}" for unit in status.units if unit.memory_trouble)
    for unit in status.units:
        for replica in unit.replicas:
            if replica.state in TROUBLED and replica.last_log:
                yield f"last log lines of {unit.name}/{replica.slot}:"
                yield from log_lines(replica.last_log)


def serving(status: Status) -> bool:
    """Is every replica that is wanted ready, behind a gateway? What was there already need not be."""
    return bool(status.units) and status.gateway.pid is not None and all(_whole(unit) for unit in status.units)


def away(status: Status) -> tuple[str, ...]:
    """Units whose server should be there already, and does not answer as it should."""
    return tuple(unit.name for unit in status.units if any(one.there and one.state != "ready" for one in unit.replicas))


def never_served(status: Status) -> bool:
    """Has a first generation failed, so that nothing runs and nothing will?"""
    return status.failed is not None and status.generation is None and status.pending is None


def crashing(status: Status) -> str:
    """The first unit with a replica that crashes again and again, while no new generation may mend it; else empty."""
    looping = (unit.name for unit in status.units if any(one.state == "crash-loop" for one in unit.replicas))
    return next(looping, "") if status.pending is None else ""


def ready_count(status: Status) -> int:
    """Replicas that answer."""
    return sum(replica.state == "ready" for unit in status.units for replica in unit.replicas)


def progress(status: Status, generation: GenerationView) -> str:
    """How far a generation has come whose verdict is not in force yet."""
    name = f"generation {generation.number}"
    if generation.state == "failed":
        return f"{name}: failed, its replicas leave"
    if generation.state != "pending":
        return f"{name}: proved, the old replicas finish what they answer"
    new = [one for unit in status.units for one in unit.replicas if one.generation == generation.number]
    ready = sum(replica.state == "ready" for replica in new)
    if not new:
        return f"{name}: starting"
    return f"{name}: {ready} of {len(new)} new replicas ready" if ready < len(new) else f"{name}: ready, settling"


def news(before: Status | None, after: Status) -> Iterator[str]:
    """What has happened between two looks, a line for each thing."""
    if before is None:
        yield from (_told(name, now) for name, now in _replicas(after).items())
        return
    was, now = _replicas(before), _replicas(after)
    for name, replica in now.items():
        old = was.get(name)
        if old is None or (old.state, old.pid, old.generation) != (replica.state, replica.pid, replica.generation):
            yield _told(name, replica)
            if replica.state in TROUBLED:
                seen = old.last_log if old else ()
                yield from log_lines([line for line in replica.last_log if line not in seen][-_LAST_LINES:])
    yield from (f"{name} stopped" for name in was if name not in now)
    if after.gateway.pid != before.gateway.pid:
        yield f"gateway runs as pid {after.gateway.pid}" if after.gateway.pid else "gateway ended"
    if after.gateway.trouble and after.gateway.trouble != before.gateway.trouble:
        yield f"gateway: {after.gateway.trouble}"
    if after.failed and after.failed != before.failed:
        yield f"generation {after.failed.generation} failed: {after.failed.reason}"
    if after.in_force != before.in_force:
        # Not as soon as it is decided: until then one that it replaced may still answer.
        yield f"generation {after.in_force} serves"


def log_lines(lines: Iterable[str]) -> Iterator[str]:
    """The last log lines of something that has failed, below what is said about it."""
    yield from (f"    {shown}" for line in lines for shown in readable(line))


def _whole(unit: UnitView) -> bool:
    return sum(replica.there or replica.state == "ready" for replica in unit.replicas) >= unit.wanted


def _replicas(status: Status) -> dict[str, ReplicaView]:
    return {f"{unit.name}/{replica.slot}": replica for unit in status.units for replica in unit.replicas}


def _told(name: str, replica: ReplicaView) -> str:
    pid = f", pid {replica.pid}" if replica.pid else ""
    again = f", restarts {replica.restarts}" if replica.restarts else ""
    again += f", the last one ended: {replica.ended}" if replica.ended else ""
    return f"{name} {replica.state} (generation {replica.generation}{pid}{again})"
