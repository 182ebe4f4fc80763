"""`services:`: what can be called at the gateway."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any, ClassVar

from pydantic import Field

from longspan.spec.limits import Limits
from longspan.spec.resources import Resources
from longspan.spec.scaling import Scaling
from longspan.spec.section import Section
from longspan.spec.steps import Step, TensorTypes
from longspan.spec.values import MediaRange, MediaType, Name, Reference, Version, duration

READY_WITHIN = timedelta(seconds=60)
SETTLE = timedelta(seconds=10)

EXCLUSIVE = {
    "scaling": ("replicas", "Take replicas out: min and max of scaling say how many there are."),
}
"""Key of a service or a step -> the key that cannot stand beside it, and what to do."""


class Service(Section):
    """A graph of steps behind one name, callable by the Open Inference Protocol and by natural content."""

    example: ClassVar[dict[str, Any]] = {"steps": {"prepare": {"run": "steps:prepare"}}}

    version: Version = "1"
    """The version in the service's path; any other version is 404."""
    replicas: Annotated[int, Field(ge=1, le=64)] = 1
    """Processes that run the service side by side: all its steps but those that are units of their own."""
    resources: Resources | None = None
    """What each replica of the service itself is granted; steps that are units of their own have theirs."""
    scaling: Scaling | None = None
    """Replicas of the service itself that follow its load (scaling) instead of a fixed number of `replicas`."""
    ready_within: Annotated[timedelta, duration("100ms", "1h")] = READY_WITHIN
    """How long new replicas may take to become ready before an update has failed."""
    settle: Annotated[timedelta, duration("0s", "1h")] = SETTLE
    """How long they must stay ready before they replace the old ones; a death within fails the update."""
    limits: Limits = Limits()
    """Bounds of a request and of the queue."""
    inputs: TensorTypes | None = None
    """What a request brings. Default: what the first step takes and is not given by `from`."""
    accepts: Annotated[dict[MediaRange, Reference], Field(min_length=1, max_length=32)] | None = None
    """Natural content that it takes: range of media types -> the input that the body becomes (``prepare.content``)."""
    answers: Annotated[dict[MediaType, Reference], Field(min_length=1, max_length=32)] | None = None
    """Natural content that it gives: media type -> the output it is made from (``name.result``); the default first."""
    steps: Annotated[dict[Name, Step], Field(min_length=1, max_length=64)]
    """The stages. A step runs when all that it takes is there; the last of the file gives the service's outputs."""
