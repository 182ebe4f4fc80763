"""Rows of different sizes: who may take them, and what is filled up?

A type with a dimension after ``~`` is a list of rows, each as large as it is. Whoever takes one takes rows as well, or
has `pad:` for each dimension in which they differ; rows of a size then share a run. What a padded step gives may differ
from run to run, so its free dimensions differ from row to row for whoever takes them.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from longspan.base.signatures import BATCH, RAGGED, TensorType
from longspan.spec.words import did_you_mean, joined

_AS_ROWS = 'Shape("batch", ..., "~{}")'


class Misfit(msgspec.Struct, frozen=True):
    """Why rows cannot be taken, and what to do."""

    why: str
    remedy: str


def differing(kind: TensorType) -> tuple[str, ...]:
    """Names of the dimensions in which rows differ, without the mark."""
    return tuple(size.removeprefix(RAGGED) for size in kind.shape if isinstance(size, str) and size.startswith(RAGGED))


def given_on(kind: TensorType, padded: bool) -> TensorType:
    """An output as who takes it sees it."""
    if not padded:
        return kind
    shape = [f"{RAGGED}{d}" if isinstance(d, str) and d != BATCH and d[:1] != RAGGED else d for d in kind.shape]
    return TensorType(kind.dtype, tuple(shape), kind.element)


def misfit(given: TensorType, taken: TensorType, pad: Mapping[str, int]) -> Misfit | None:
    """Why what is given cannot be taken as far as its rows differ; None when it can. Both are of one rank."""
    if not given.ragged:
        return Misfit("all its rows are of one size", "Take one array.") if taken.ragged else None
    if taken.ragged:
        fixed = [
            f"{str(here).removeprefix(RAGGED)} differs from row to row, and {there} is taken"
            for here, there in zip(given.shape, taken.shape, strict=True)
            if _marked(here) and not _marked(there)
        ]
        return Misfit(fixed[0], f"Take it as {RAGGED}NAME.") if fixed else None
    bare = [name for name in differing(given) if name not in pad]
    if bare:
        wanted = "{" + ", ".join(f"{name}: 32" for name in bare) + "}"
        remedy = f"Add pad: {wanted} to the step, or take a list of arrays of {_AS_ROWS.format(bare[0])}."
        return Misfit(f"its rows differ in {joined(bare)}", remedy)
    for name, own in padded_as(given, taken):
        if isinstance(own, int):
            remedy = "Take a free dimension there, or make rows of that size."
            return Misfit(f"{name} is filled up to a multiple of {pad[name]}, and {own} is taken", remedy)
    return None


def padded_as(given: TensorType, taken: TensorType) -> list[tuple[str, int | str]]:
    """For each dimension in which the given rows differ: its name, and what it is called where it is taken."""
    pairs = zip(given.shape, taken.shape, strict=True)
    return [(str(here).removeprefix(RAGGED), there) for here, there in pairs if _marked(here)]


def even(given: TensorType, taken: TensorType) -> tuple[TensorType, TensorType]:
    """Both without the dimensions in which rows differ: what is left has to agree as it always has."""
    pairs = [
        (here, there)
        for here, there in zip(given.shape, taken.shape, strict=True)
        if not _marked(here) and not _marked(there)
    ]
    left, right = zip(*pairs, strict=True) if pairs else ((), ())
    return msgspec.structs.replace(given, shape=left), msgspec.structs.replace(taken, shape=right)


class Padding:
    """The `pad:` of one step, held against all that it takes."""

    def __init__(self, pad: Mapping[str, int]) -> None:
        self._pad = pad
        self._given: dict[str, str] = {}
        """The step's own dimension -> the name that it is given under."""
        self._differ: set[str] = set()

    def see(self, given: TensorType) -> None:
        """Note what comes in, whether it fits or not."""
        self._differ |= set(differing(given))

    def take(self, given: TensorType, taken: TensorType) -> str:
        """Note one input that fits. Returns why its padding is at odds with another's; empty when it is not."""
        if taken.ragged or not given.ragged:
            return ""
        pairs = padded_as(given, taken)
        for name, own in pairs:
            other = self._given.setdefault(str(own), name)
            if other != name:
                return f"{own} is one size there, and {other} and {name} are two"
            if taken.shape.count(own) > [there for _, there in pairs].count(own):
                return f"{own} stands there for more than {name}, which alone is filled up"
        return ""

    def unknown(self) -> list[tuple[str, str]]:
        """Each name of `pad:` in which no rows differ, and what to do."""
        return [(name, did_you_mean(name, self._differ)) for name in self._pad if name not in self._differ]

    def own(self) -> dict[str, int]:
        """The step's own dimension -> the multiple that it is filled up to."""
        return {own: self._pad[name] for own, name in self._given.items()}


def _marked(size: int | str) -> bool:
    return isinstance(size, str) and size.startswith(RAGGED)
