"""Does a server of somebody else's take and give what the file declares? What it tells of itself, and a signature.

Its keeper asks before it calls it ready, control before it says how one that is there already is.

Source: the Open Inference Protocol, version 2, "Model Metadata" and "Server Metadata": a free dimension is -1.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from longspan.base.signatures import Signature, TensorType

BINARY = "binary_tensor_data"
"""The extension's name (Open Inference Protocol, "Binary tensor data extension")."""


class _Tensor(msgspec.Struct, frozen=True):
    name: str
    datatype: str
    shape: tuple[int, ...]

    def __str__(self) -> str:
        return f"{self.datatype}[{', '.join(map(str, self.shape))}]"


class _Model(msgspec.Struct, frozen=True):
    inputs: tuple[_Tensor, ...] | None = None
    outputs: tuple[_Tensor, ...] | None = None


class _Server(msgspec.Struct, frozen=True):
    extensions: tuple[str, ...] = ()


def misfit(metadata: bytes, signature: Signature) -> str:
    """What in a model's metadata does not fit the declared signature, in words; empty when all does.

    Servers that do not know the shapes of their models tell no tensors at all; then nothing can be compared, and it
    is each answer that is checked.
    """
    try:
        told = msgspec.json.decode(metadata, type=_Model, strict=False)
    except msgspec.MsgspecError as error:
        return f"its metadata is none of the Open Inference Protocol: {error}"
    return _differs(
        "input", "takes", told.inputs or (), signature.inputs, signature.optional, all_of_them=True
    ) or _differs("output", "gives", told.outputs or (), signature.outputs, (), all_of_them=False)


def no_binary(metadata: bytes) -> str:
    """Why the server cannot be sent tensors as bytes, by its own metadata; empty when it can."""
    try:
        told = msgspec.json.decode(metadata, type=_Server)
    except msgspec.MsgspecError as error:
        return f"its metadata is none of the Open Inference Protocol: {error}"
    if BINARY in told.extensions:
        return ""
    return f"it does not name the extension {BINARY} at /v2, which `binary: true` stands on"


def _differs(
    what: str,
    verb: str,
    told: Sequence[_Tensor],
    declared: Mapping[str, TensorType],
    optional: Sequence[str],
    *,
    all_of_them: bool,
) -> str:
    if not told:
        return ""
    known = {tensor.name: tensor for tensor in told}
    for name, wanted in declared.items():
        tensor = known.get(name)
        if tensor is None:
            if name in optional:
                continue
            return f"it {verb} no {what} {name!r}: it {verb} {', '.join(map(repr, known))}"
        if tensor.datatype != wanted.dtype or not _same(tensor.shape, wanted.shape):
            return f"{what} {name!r} is declared as {wanted.dtype}{_shape(wanted)}, and it {verb} {tensor}"
    more = [name for name in known if name not in declared] if all_of_them else []
    return f"it takes {what} {more[0]!r} as well, which is not declared" if more else ""


def _same(told: Sequence[int], declared: Sequence[int | str]) -> bool:
    """A server's -1 takes any size; a free dimension of ours may have any size, so only -1 will do for it."""
    return len(told) == len(declared) and all(size in (-1, wanted) for size, wanted in zip(told, declared, strict=True))


def _shape(declared: TensorType) -> str:
    return f"[{', '.join(str(size) for size in declared.shape)}]"
