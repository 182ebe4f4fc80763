"""Does a shape fit its type, and how is it told?"""

from __future__ import annotations

from collections.abc import Sequence

from longspan.base.signatures import BATCH, TensorType

MOST_SHOWN = 16
"""Dimensions of a shape that are told."""


class TensorError(ValueError):
    """A tensor is not what its type says. The text names the tensor, what was expected, what came."""


def bind(
    what: str,
    tensor: TensorType,
    shape: Sequence[int],
    dims: dict[str, int],
    *,
    least: int = 1,
    rows: int = 1,
    verb: str = "takes",
) -> None:
    """Check `shape` against the type: rank, fixed dimensions, and names already bound in `dims`.

    `what` and `verb` are how a text names the tensor (``input 'x' takes``). Free dimensions not seen yet are added to
    `dims`. A free dimension is at least `least`, and `batch` at least `rows`: a client brings one row or more, a step
    may make none. Raises `TensorError`.
    """
    wanted = tensor.shape
    if len(shape) != len(wanted):
        raise TensorError(f"{what} {verb} {tensor}, {dimensions(len(wanted))}; shape {listed(shape)} has {len(shape)}")
    for index, (want, size) in enumerate(zip(wanted, shape, strict=True)):
        if want.__class__ is int:
            problem = "" if want == size else f"dimension {index + 1} is {size}, must be {want}"
        elif size < (rows if want == BATCH else least):
            problem = f"{want} is {size}, must be at least 1"
        else:
            known = dims.setdefault(str(want), size)
            problem = "" if known == size else f"{want} is {size} here and {known} elsewhere"
        if problem:
            raise TensorError(f"{what} {verb} {tensor}; came shape {listed(shape)}: {problem}")


def listed(shape: Sequence[int]) -> str:
    """``[2, 3]``; what a client sends is shown bounded."""
    shown = [str(size) if abs(size) < 1 << 63 else "a huge number" for size in shape[:MOST_SHOWN]]
    return f"[{', '.join(shown + ['...'] * (len(shape) > MOST_SHOWN))}]"


def dimensions(count: int) -> str:
    """``1 dimension``, ``2 dimensions``."""
    return f"{count} dimension{'' if count == 1 else 's'}"


def in_elements(count: int) -> str:
    """``1 element``, ``2 elements``."""
    return f"{count if count < 1 << 63 else 'a huge number of'} element{'' if count == 1 else 's'}"
