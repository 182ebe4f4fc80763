"""`steps:`: the stages of a service, a model or a Python callable each."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

from pydantic import Field

from longspan.spec.scaling import Scaling
from longspan.spec.section import Section
from longspan.spec.values import Name, Target, Tensor, TensorName

TensorTypes = Annotated[dict[TensorName, Tensor], Field(min_length=1, max_length=64)]
"""Name -> type, such as ``{content: "BYTES[1]"}``."""


class Step(Section):
    """One stage: either ``model:`` or ``run:``. Its inputs bind by name to what stands before it."""

    example: ClassVar[dict[str, Any]] = {"run": "steps:prepare"}

    model: Name | None = None
    """A name under ``models:``."""
    run: Target | None = None
    """``module:function`` (sync, async, or an async iterator that streams) or ``module:Class`` beside the file."""
    settings: Annotated[dict[str, Any] | None, Field(alias="with")] = None
    """Given once, at start, to the class named by ``run:``. Only here a value may be a secret: ``${env:NAME}``."""
    repeatable: bool = False
    """Running it twice does no harm, so a request may be sent again when a replica dies. Models always are."""
    scaling: Scaling | None = None
    """Replicas of the step that follow its load (scaling); such a step is a unit of its own."""
    inputs: TensorTypes | None = None
    """Types of inputs that the annotations of ``run:`` leave open."""
    outputs: TensorTypes | None = None
    """Types of outputs that the annotations of ``run:`` leave open."""
