"""`resources:`: what one replica of a unit is granted, and whether a machine can grant it all.

Whoever plans asks `over_budget` before anything is started: replicas that do not fit are refused with the numbers,
rather than started to starve each other.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Annotated, Any, ClassVar, Protocol

from pydantic import Field, PlainSerializer

from longspan.base.errors import Refused
from longspan.spec.section import Section
from longspan.spec.values import size

GIB = 1 << 30
_DUST = 1e-9
"""Sums of shares such as 0.1 are off by less than this."""


def _as_written(number: float) -> Any:
    """1.0 is written 1."""
    return int(number) if number.is_integer() else number


class Resources(Section):
    """What each replica of the unit is granted. The sum over all replicas has to fit the machine."""

    example: ClassVar[dict[str, Any]] = {"cpu": 1, "memory": "1GiB"}

    cpu: Annotated[float, Field(ge=0.1, le=256), PlainSerializer(_as_written)] | None = None
    """Cores. A model that does not say its `threads` runs on as many whole ones, however many replicas there are."""
    memory: Annotated[int, size("16MiB", "1TiB")] | None = None
    """What a replica may hold. One that comes to hold more is drained and replaced."""


class Claim(Protocol):
    """A unit, as far as it claims shares of the machine (`units.Unit`)."""

    @property
    def name(self) -> str: ...
    @property
    def cpu(self) -> float: ...
    @property
    def memory_bytes(self) -> int: ...


def over_budget(units: Iterable[Claim], counts: Mapping[str, int], cores: float, memory_bytes: int) -> Refused | None:
    """Why a machine of `cores` and `memory_bytes` cannot hold these units; None when it can.

    `counts`: unit -> its replicas; a unit that it does not name has none. What a unit does not say counts nothing.
    """
    claims = [(unit, counts.get(unit.name, 0)) for unit in units if unit.cpu or unit.memory_bytes]
    cpu = sum(unit.cpu * count for unit, count in claims)
    memory = sum(unit.memory_bytes * count for unit, count in claims)
    beyond = []
    if cpu > cores + _DUST:
        beyond.append(f"{_cores(cpu)} of {_cores(cores)} cores")
    if memory > memory_bytes:
        beyond.append(f"{_gib(memory)} of {_gib(memory_bytes)} of memory")
    if not beyond:
        return None
    rows = [(u.name, str(n), _cores(u.cpu) if u.cpu else "-", _gib(u.memory_bytes)) for u, n in claims]
    rows += [("together", "", _cores(cpu), _gib(memory)), ("this machine", "", _cores(cores), _gib(memory_bytes))]
    # What weighs most is where there is something to gain.
    unit, _ = max(claims, key=lambda claim: claim[1] * (claim[0].cpu / cores if cpu > cores else claim[0].memory_bytes))
    return Refused(
        f"replicas are granted {' and '.join(beyond)}",
        at="resources",
        remedy=f"Lower what {unit.name} is granted, or its replicas\n{_table(rows)}",
    )


def _table(rows: list[tuple[str, str, str, str]]) -> str:
    rows = [("unit", "replicas", "cpu", "memory"), *rows]
    wide = [max(len(row[column]) for row in rows) for column in range(4)]
    lines = []
    for row in rows:
        numbers = "  ".join(cell.rjust(width) for cell, width in zip(row[1:], wide[1:], strict=True))
        lines.append(f"    {row[0].ljust(wide[0])}  {numbers}")
    return "\n".join(lines)


def _cores(number: float) -> str:
    return f"{number:.2f}".rstrip("0").rstrip(".")


def _gib(number_bytes: int) -> str:
    return f"{number_bytes / GIB:.2f}".rstrip("0").rstrip(".") + "GiB" if number_bytes else "-"
