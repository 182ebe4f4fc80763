"""Can these shapes hold at once? Dimensions as unknowns, unified step by step.

A named dimension is free, but has one value within its step (and one within the service's inputs). Feeding an
output to an input makes their dimensions equal: a number with a number must be the same, a name takes the
other's value, and two names become one. What contradicts itself anywhere along the chain is found, whichever
edge is looked at first; what stays free is looked at request by request.
"""

from __future__ import annotations

from typing import NamedTuple

from longspan.base.signatures import Element, TensorType

Scope = str
"""The step whose dimensions these are; empty for the service's inputs."""
REQUEST: Scope = ""
"""The scope of the service's own inputs, which no step can be called."""
Unknown = tuple[Scope, str]


class Side(NamedTuple):
    """A type as one step (or the service) says it; `words` is how a complaint quotes it."""

    scope: Scope
    type: TensorType
    words: str


class Dimensions:
    """What is known so far of all named dimensions of one service."""

    def __init__(self) -> None:
        self._parent: dict[Unknown, Unknown] = {}
        self._number: dict[Unknown, tuple[int, str]] = {}
        """Representative -> its number, and the words of who fixed it."""

    def unify(self, given: Side, taken: Side) -> str | None:
        """Feed `given` into `taken`. None when that can be; else why not, empty where the types alone show it."""
        if given.type.dtype != taken.type.dtype or len(given.type.shape) != len(taken.type.shape):
            return ""
        why: str | None = None
        for here, there in zip(given.type.shape, taken.type.shape, strict=True):
            clash = self._equal((given.scope, here), (taken.scope, there), given.words, taken.words)
            if clash is not None and not why:
                why = clash
        return why

    def resolved(self, scope: Scope, given: TensorType) -> TensorType:
        """The type with each dimension that has turned out to be a number as that number."""
        shape = tuple(d if isinstance(d, int) else self._known(scope, d) for d in given.shape)
        return TensorType(given.dtype, shape, given.element)

    def _known(self, scope: Scope, name: str) -> int | str:
        found = self._number.get(self._find((scope, name)))
        return found[0] if found else name

    def _equal(
        self, here: tuple[Scope, int | str], there: tuple[Scope, int | str], gives: str, takes: str
    ) -> str | None:
        """Make two dimensions one. None, or why that cannot be (empty: both are plain numbers)."""
        left, right = self._value(here, gives), self._value(there, takes)
        if left is not None and right is not None and left[0] != right[0]:
            names = [d for _, d in (here, there) if isinstance(d, str)]
            return _contradiction(names[0], left, right) if names else ""
        known = left or right
        roots = [self._find((scope, d)) for scope, d in (here, there) if isinstance(d, str)]
        for root in roots[1:]:
            if root != roots[0]:
                self._parent[root] = roots[0]
                self._number.pop(root, None)
        if roots and known is not None:
            self._number[roots[0]] = known
        return None

    def _value(self, dimension: tuple[Scope, int | str], words: str) -> tuple[int, str] | None:
        scope, name = dimension
        return (name, words) if isinstance(name, int) else self._number.get(self._find((scope, name)))

    def _find(self, unknown: Unknown) -> Unknown:
        while unknown in self._parent:
            unknown = self._parent[unknown]
        return unknown


def _contradiction(name: str, one: tuple[int, str], other: tuple[int, str]) -> str:
    low, high = sorted((one, other))
    return f"{name} is {low[0]} where {low[1]}, and {high[0]} where {high[1]}"


def elements_fit(given: Element, taken: Element, *, of_request: bool) -> bool:
    """May bytes that hold `given` go where `taken` is wanted?

    JSON is text and text is bytes, never the other way round; only what a request brings is tried,
    since whoever sent it is told when it is none.
    """
    order = ("raw", "text", "json")
    return of_request or order.index(given) >= order.index(taken)
