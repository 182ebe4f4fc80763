"""How does an inference request or its answer look: as JSON, and once it is checked?

Unknown fields of a request are refused, those of an answer passed over; parameters that are not the protocol's own are
the client's affair.
"""

from __future__ import annotations

from typing import Any, Generic, TypeVar

import msgspec

from longspan.wire.tensors import Tensor

Data = TypeVar("Data")


class InferRequest(msgspec.Struct, frozen=True, gc=False):
    """One inference request, checked: every input of the endpoint is there, with its type and shape."""

    id: str
    """The client's ``id``; echoed when not empty."""
    inputs: dict[str, Tensor]
    """Read-only views of the request's bytes where that is possible."""
    rows: int
    """Size of the dimension `batch`; 1 when the endpoint has none."""
    alike: tuple[int, ...]
    """Sizes of all free dimensions but `batch`: requests to one endpoint may share a run when these are equal."""
    asked: dict[str, bool]
    """Outputs to answer with, in order: name -> as binary."""
    parameters: dict[str, Any] | None


class Output(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    name: str
    parameters: dict[str, Any] | None = None


class Input(msgspec.Struct, Generic[Data], forbid_unknown_fields=True, gc=False):
    name: str
    shape: tuple[int, ...]
    datatype: str
    data: Data
    parameters: dict[str, Any] | None = None


class AnyTensor(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """An input or an output, its data not looked at yet."""

    name: str
    shape: tuple[int, ...]
    datatype: str
    data: msgspec.Raw = msgspec.Raw(b"")
    parameters: dict[str, Any] | None = None


class Request(msgspec.Struct, Generic[Data], forbid_unknown_fields=True, gc=False):
    inputs: list[Data]
    id: str | None = None
    parameters: dict[str, Any] | None = None
    outputs: list[Output] | None = None
    model_name: str | None = None
    """What KServe's client sends in the protocol's gRPC manner; the address has said it already, and counts."""


class AnyOutput(AnyTensor, forbid_unknown_fields=False, gc=False):
    """An output of somebody else's server, which may tell more than the protocol asks for."""


class InferAnswer(msgspec.Struct, gc=False):
    outputs: list[AnyOutput]
    model_name: str | None = ""
    model_version: str | None = ""
    id: str | None = None
    parameters: dict[str, Any] | None = None
