"""`scaling:`: how the replicas of a unit follow its load, and the `Policy` that the scaler is told.

A policy is what the section says with every default filled in: plain numbers, without pydantic, so that one can be
recorded, compared and tried on another day's load.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Self

import msgspec
from pydantic import Field, ValidationError, ValidationInfo, field_validator, model_validator
from pydantic_core import InitErrorDetails

from longspan.base.errors import Complaint, Invalid
from longspan.base.units import format_duration
from longspan.spec.hours import Hours, WeeklyHours
from longspan.spec.section import Section
from longspan.spec.text import read
from longspan.spec.values import duration, refused, share
from longspan.spec.words import findings

if TYPE_CHECKING:
    from longspan.spec.system import System

MOST_REPLICAS = 64
CPU = 0.75
"""Share of its granted cores that a replica is kept at, when no signal is written."""
QUEUE_WAIT = timedelta(milliseconds=50)

Count = Annotated[int, Field(ge=1, le=MOST_REPLICAS)]
Window = duration("1s", "1h")


class Schedule(Section):
    """Hours in which at least so many replicas run, whatever the load."""

    example: ClassVar[dict[str, Any]] = {"at": "mon-fri 08:00-18:00 Europe/Berlin", "min": 3}

    at: WeeklyHours
    """Days, times and a time zone. Hours over midnight belong to the day on which they begin."""
    min: Count
    """Replicas that run at least, within these hours."""


class Scaling(Section):
    """Replicas that follow the load, within limits. The most demanding of the signals decides."""

    example: ClassVar[dict[str, Any]] = {"min": 1, "max": 4}

    min: Annotated[int, Field(le=MOST_REPLICAS)] = 1
    """Replicas that run at least, however little there is to do."""
    max: Count
    """Replicas that are never exceeded, however much there is to do."""
    cpu: Annotated[float, share("1%", "100%")] | None = None
    """Share of its granted cores that a replica is kept at. Default: 75% where no signal is written, else no signal."""
    in_flight: Annotated[int, Field(ge=1, le=65_536)] | None = None
    """Requests that one replica is meant to hold at a time. Default: no signal."""
    queue_wait: Annotated[timedelta, duration("1ms", "10m")] | None = None
    """How long a request may wait for its turn. Default: 50ms where no signal is written, else no signal."""
    panic_window: Annotated[timedelta, Window] = timedelta(seconds=6)
    """Over this short time load is averaged to grow at once."""
    stable_window: Annotated[timedelta, Window] = timedelta(seconds=60)
    """Over this longer time load is averaged to grow for what lasts."""
    calm: Annotated[timedelta, Window] = timedelta(minutes=2)
    """How long the load must have stayed low before replicas are taken away."""
    grow: Count = 4
    """Replicas added at most within one panic window."""
    shrink: Count = 1
    """Replicas taken away at most within one calm time."""
    schedules: Annotated[tuple[Schedule, ...], Field(max_length=32, strict=False)] = ()
    """Hours in which more than `min` replicas run at least."""

    @field_validator("min")
    @classmethod
    def _not_to_zero(cls, least: int) -> int:
        if least < 1:
            problem = f"is {least}; at least one replica runs"
            raise refused(problem, "Scaling to zero comes later; write min: 1.") if least == 0 else refused(problem)
        return least

    @field_validator("max")
    @classmethod
    def _not_below_min(cls, most: int, info: ValidationInfo) -> int:
        least = info.data.get("min", 1)
        if most < least:
            raise refused(f"is {most}, below min ({least})", f"Raise it to {least} or more, or lower min.")
        return most

    @field_validator("schedules")
    @classmethod
    def _within_max(cls, schedules: tuple[Schedule, ...], info: ValidationInfo) -> tuple[Schedule, ...]:
        most = info.data.get("max", MOST_REPLICAS)
        wrong: list[InitErrorDetails] = [
            {
                "type": refused(f"is {one.min}, over max ({most})", f"Lower it to {most} or less, or raise max."),
                "loc": (at, "min"),
                "input": one.min,
            }
            for at, one in enumerate(schedules)
            if one.min > most
        ]
        if wrong:
            raise ValidationError.from_exception_data("schedules", wrong)
        return schedules

    @model_validator(mode="after")
    def _short_before_long(self) -> Self:
        # Not a validator of either field: those do not look at a default.
        if self.panic_window > self.stable_window:
            panic, stable = format_duration(self.panic_window), format_duration(self.stable_window)
            problem = f"is {panic}, longer than stable_window ({stable})"
            error = refused(problem, "The panic window is the short one of the two.")
            found: InitErrorDetails = {"type": error, "loc": ("panic_window",), "input": panic}
            raise ValidationError.from_exception_data("scaling", [found])
        return self


class Raised(msgspec.Struct, frozen=True):
    """A schedule: at least `min` replicas while the hours hold."""

    hours: Hours
    min: int


class Policy(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the scaler is told of one unit. A signal that is None is not looked at."""

    min: int = 1
    max: int = 1
    cpu: float | None = CPU
    """Share of the granted cores, 0 to 1."""
    in_flight: float | None = None
    queue_wait_seconds: float | None = QUEUE_WAIT.total_seconds()
    panic_seconds: float = 6.0
    stable_seconds: float = 60.0
    calm_seconds: float = 120.0
    grow: int = 4
    shrink: int = 1
    schedules: tuple[Raised, ...] = ()


def policy(section: Scaling) -> Policy:
    """The section with its defaults filled in."""
    silent = section.cpu is None and section.in_flight is None and section.queue_wait is None
    cpu, wait = (CPU, QUEUE_WAIT) if silent else (section.cpu, section.queue_wait)
    return Policy(
        min=section.min,
        max=section.max,
        cpu=cpu,
        in_flight=float(section.in_flight) if section.in_flight is not None else None,
        queue_wait_seconds=wait.total_seconds() if wait is not None else None,
        panic_seconds=section.panic_window.total_seconds(),
        stable_seconds=section.stable_window.total_seconds(),
        calm_seconds=section.calm.total_seconds(),
        grow=section.grow,
        shrink=section.shrink,
        schedules=tuple(Raised(one.at, one.min) for one in section.schedules),
    )


def policies(system: System) -> dict[str, Policy]:
    """Unit -> its policy, for the units that have one: a service's is that of its entry unit, a step's of its own."""
    found = {}
    for name, service in system.services.items():
        if service.scaling is not None:
            found[name] = policy(service.scaling)
        for step, section in service.steps.items():
            if section.scaling is not None:
                found[f"{name}.{step}"] = policy(section.scaling)
    return found


class PolicyFile(Section):
    """A file that holds a policy alone, for trying it on a recorded load."""

    example: ClassVar[dict[str, Any]] = {"scaling": Scaling.example}

    scaling: Scaling
    """The policy."""


def load_policy(content: str | bytes, file: str) -> Policy:
    """The policy in a file of its own: a ``scaling:`` section, or what stands under it.

    `file` is what complaints call it. Raises `Invalid` with every complaint, each with line and column.
    """
    if not content.strip():
        raise Invalid((Complaint(file, 1, 1, "", "is empty", "Write a policy: scaling: {min: 1, max: 4}"),))
    tree = read(content, file)
    # A key that is known tells that the section's own keys stand there; a misspelt `scaling:` is then told as that.
    inner = isinstance(tree.data, dict) and not Scaling.keys().keys().isdisjoint(tree.data)
    root = Scaling if inner else PolicyFile
    complaints = list(tree.complaints)
    found: PolicyFile | Scaling | None = None
    try:
        found = root.model_validate(tree.data)
    except ValidationError as error:
        complaints += tree.places.complaints(findings(error, tree.data, root))
    if found is None or complaints:
        raise Invalid(tuple(complaints))
    return policy(found.scaling if isinstance(found, PolicyFile) else found)
