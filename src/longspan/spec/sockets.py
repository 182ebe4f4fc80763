"""What may cross a socket, and which socket can there be?

Arrays cross it. Rows of different sizes do not: neither into a service nor out of it, nor to a step in a unit of its
own (one that has `pad:` is called with arrays). Nor does a stream go from unit to unit. The path of a unit's sockets
has its name in it, so that name cannot be of any length. And what comes in is never larger than a request may be.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import prod

from longspan.base.dtypes import BY_OIP
from longspan.base.signatures import Signature, TensorType
from longspan.base.units import format_size
from longspan.spec.limits import Limits
from longspan.spec.places import Finding, Path
from longspan.spec.services import Service
from longspan.spec.sources import Givers

LONGEST_UNIT = 90
"""Characters of a unit's name. The kernel takes 107 bytes of a path (unix(7)), and ``run/UNIT/123.sock.new`` is one."""
TAKEN = ("egress.sock", "envoy", "pages.sock")
"""What the house itself has under ``run/``, where each unit has a folder of its name."""
_LENGTH = 4
"""Bytes before each element of BYTES, which may be empty."""
_FUSED = "Leave the step in the unit of the service: take out what sets it apart."


def of_service(
    service: Service, path: Path, inputs: Mapping[str, TensorType], outputs: Mapping[str, str], givers: Givers
) -> Iterator[Finding]:
    """What a request would bring, or an answer hold, and cannot."""
    first, last = next(iter(service.steps)), next(reversed(service.steps))
    for name, kind in inputs.items():
        if kind.ragged:
            at = (*path, "inputs", name) if service.inputs is not None else (*path, "steps", first)
            remedy = "Let a request bring one array, and a first step make rows of it."
            yield Finding(at, f"takes {name} {kind} of the request: rows that differ", remedy, of_key=True)
    for name, at_step in outputs.items():
        source = givers.named(at_step)
        if source is not None and source.type.ragged:
            of_last = source.scope == last
            named = [media for media, reference in (service.answers or {}).items() if reference in {name, at_step}]
            at = (*path, "answers", named[0]) if named and not of_last else (*path, "steps", last)
            remedy = "Let a last step make one array, or JSON, of them."
            yield Finding(at, f"would answer {name} {source.type}: rows that differ", remedy, of_key=True)


def of_request(service: Service, path: Path, inputs: Mapping[str, TensorType]) -> Iterator[Finding]:
    """Is the smallest request there can be larger than one may be? Then nobody can ever call it."""
    least = least_bytes(inputs)
    if least > service.limits.body:
        problem = f"is {format_size(service.limits.body)}, and the smallest request holds {format_size(least)}"
        yield Finding((*path, "limits", "body"), problem, "Allow as much, or let a step make the rest of less.")


def of_model(path: Path, signature: Signature) -> Iterator[Finding]:
    """The same of a model that no service uses; such a model has the limits of a service that says nothing."""
    least, most = least_bytes(signature.inputs), Limits().body
    if least > most:
        problem = f"takes {format_size(least)} at least, and a request to it may hold {format_size(most)}"
        yield Finding((*path, "path"), problem, "Make it a step of a service, which can have other limits.")


def least_bytes(inputs: Mapping[str, TensorType]) -> int:
    """Of tensors sent as bytes, each free dimension 1."""
    return sum(
        (BY_OIP[kind.dtype].size or _LENGTH) * prod(size if isinstance(size, int) else 1 for size in kind.shape)
        for kind in inputs.values()
    )


def of_steps(service: Service, path: Path, signed: Mapping[str, Signature]) -> Iterator[Finding]:
    """What keeps a step out of a unit of its own."""
    for step, signature in signed.items():
        if not service.steps[step].alone:
            continue
        at = (*path, "steps", step)
        unit = f"{path[-1]}.{step}"
        if len(unit) > LONGEST_UNIT:
            problem = f"would be the unit {unit}, whose name has {len(unit)} characters: {LONGEST_UNIT} are the most"
            remedy = "Give the service or the step a shorter name, or leave the step in the unit of the service."
            yield Finding(at, problem, remedy, of_key=True)
        if unit in TAKEN:
            problem = f"would be the unit {unit}, and the house keeps a file of that name"
            yield Finding(at, problem, "Give the step another name.", of_key=True)
        sides = (("takes", signature.inputs), ("gives", signature.outputs))
        rows = [f"{verb} {name} {kind}" for verb, side in sides for name, kind in side.items() if kind.ragged]
        if rows:
            problem = f"{rows[0]}: rows that differ cannot be sent to a unit of its own"
            remedy = (
                "Declare arrays: a server has no form for rows that differ. A step with pad: is called with arrays."
            )
            if not service.steps[step].foreign:
                remedy = f"{_FUSED} A step with pad: is called with arrays."
            yield Finding(at, problem, remedy, of_key=True)
        if signature.call == "stream":
            yield Finding(at, "streams, which a unit of its own cannot", _FUSED, of_key=True)
