"""`steps:`: the stages of a service, each a model, a Python callable, or the one and then the other."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

from pydantic import Field

from longspan.spec.bindings import Padding, Sources, When
from longspan.spec.resources import Resources
from longspan.spec.scaling import Scaling
from longspan.spec.section import Section
from longspan.spec.values import Name, Target, Tensor, TensorName

TensorTypes = Annotated[dict[TensorName, Tensor], Field(min_length=1, max_length=64)]
"""Name -> type, such as ``{content: "BYTES[1]"}``."""


class Step(Section):
    """One stage: ``model:``, ``run:``, or both. Its inputs bind by name to what stands before it, or by ``from:``."""

    example: ClassVar[dict[str, Any]] = {"run": "steps:prepare"}

    model: Name | None = None
    """A name under ``models:``."""
    run: Target | None = None
    """``module:function`` (sync, async, or an async iterator that streams) or ``module:Class`` beside the file.
    With ``model:``, it takes what the model gives, and whatever else it names."""
    settings: Annotated[dict[str, Any] | None, Field(alias="with")] = None
    """Given once, at start, to the class named by ``run:``. Only here a value may be a secret: ``${env:NAME}``."""
    repeatable: bool = False
    """Running it twice does no harm, so a request may be sent again when a replica dies. Models always are."""
    sources: Annotated[Sources | None, Field(alias="from")] = None
    """Where inputs come from: ``{INPUT: STEP.OUTPUT}``, or one reference for a step with one input. What it does not
    name binds by name. It may name any step, also one further down, and inputs of the service."""
    pad: Padding | None = None
    """For rows of different sizes: dimension -> the multiple that it is filled up to with zeros. Rows that are then
    alike share a run. The name is the one after ``~`` where the rows are made."""
    when: When | None = None
    """``STEP.NAME`` or ``not STEP.NAME``, a BOOL[1]: run it only then. What needs its outputs is not run either."""
    apart: bool = False
    """Run it in a unit of its own, ``SERVICE.STEP``, which has its own replicas."""
    resources: Resources | None = None
    """What each replica of the step is granted; such a step is a unit of its own."""
    scaling: Scaling | None = None
    """Replicas of the step that follow its load (scaling); such a step is a unit of its own."""
    inputs: TensorTypes | None = None
    """Types of inputs that the annotations of ``run:`` leave open."""
    outputs: TensorTypes | None = None
    """Types of outputs that the annotations of ``run:`` leave open."""

    @property
    def alone(self) -> bool:
        """Is it a unit of its own?"""
        reasons = (
            self.apart,
            self.resources is not None,
            self.scaling is not None,
        )
        return any(reasons)
