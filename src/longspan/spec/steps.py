"""`steps:`: the stages of a service, each a model, a Python callable, the one and then the other, or a server."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

from pydantic import Field

from longspan.spec.bindings import Padding, Sources, When
from longspan.spec.resources import Resources
from longspan.spec.scaling import Scaling
from longspan.spec.section import Section
from longspan.spec.servers import Command, Serves, Url
from longspan.spec.values import Name, Target, Tensor, TensorName

TensorTypes = Annotated[dict[TensorName, Tensor], Field(min_length=1, max_length=64)]
"""Name -> type, such as ``{content: "BYTES[1]"}``."""


KINDS = ("model", "run", "command", "url")
"""A step has one of them, or the first two."""


class Step(Section):
    """One stage: ``model:``, ``run:``, or both; or ``command:``, ``url:``, a server that speaks the Open Inference
    Protocol. Its inputs bind by name to what stands before it, or by ``from:``."""

    example: ClassVar[dict[str, Any]] = {"run": "steps:prepare"}

    model: Name | None = None
    """A name under ``models:``."""
    run: Target | None = None
    """``module:function`` (sync, async, or an async iterator that streams) or ``module:Class`` beside the file.
    With ``model:``, it takes what the model gives, and whatever else it names."""
    settings: Annotated[dict[str, Any] | None, Field(alias="with")] = None
    """Given once, at start, to the class named by ``run:``. Only here a value may be a secret: ``${env:NAME}``."""
    command: Command | None = None
    """A server in any language, as a list of words: started in the code's folder, one process for each replica, and
    told where to listen by ``{socket}`` or ``{port}`` in a word, and by LONGSPAN_SOCKET or LONGSPAN_PORT."""
    url: Url | None = None
    """Where the server listens. With ``command:`` ``unix:{socket}`` (the default) or ``http://127.0.0.1:{port}``;
    without, the address on this machine of one that is there already."""
    serves: Serves | None = None
    """What the step is called at the server: ``NAME`` or ``NAME/versions/VERSION``. Default: the name of the step."""
    binary: bool = False
    """The server takes and gives tensors as bytes (the protocol's binary tensor data extension); else all is JSON."""
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
    replicas: Annotated[int, Field(ge=1, le=64)] | None = None
    """How many replicas of the step run side by side; such a step is a unit of its own. Default there: 1."""
    resources: Resources | None = None
    """What each replica of the step is granted; such a step is a unit of its own."""
    scaling: Scaling | None = None
    """Replicas of the step that follow its load (scaling); such a step is a unit of its own."""
    inputs: TensorTypes | None = None
    """Types of inputs that the annotations of ``run:`` leave open; of a server, all of them."""
    outputs: TensorTypes | None = None
    """Types of outputs that the annotations of ``run:`` leave open; of a server, all of them."""

    @property
    def foreign(self) -> bool:
        """Does it run in a server of somebody else's?"""
        return self.command is not None or self.url is not None

    @property
    def alone(self) -> bool:
        """Is it a unit of its own?"""
        reasons = (
            self.apart,
            self.foreign,
            self.replicas is not None,
            self.resources is not None,
            self.scaling is not None,
        )
        return any(reasons)
