"""In which order can steps run, and which wait for each other?

Pure graph questions over names: `needs` holds for each step the steps that it takes something of. The order of the
file counts only where nothing else does.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

Needs = Mapping[str, Collection[str]]
"""Step -> the steps that it takes something of, in the order of the file."""


def ordered(needs: Needs) -> tuple[str, ...]:
    """Each step after all that it needs, and else as in the file. Who waits in a ring, or for one, is left out."""
    order: list[str] = []
    waiting = list(needs)
    while ready := next((step for step in waiting if all(other in order for other in needs[step])), None):
        order.append(ready)
        waiting.remove(ready)
    return tuple(order)


def ring(needs: Needs, step: str, giver: str) -> tuple[str, ...]:
    """The shortest way from `giver` back to `step`, both included, along what each needs. Empty: there is none."""
    ways: list[tuple[str, ...]] = [(giver,)]
    seen = {giver}
    for way in ways:
        if way[-1] == step:
            return way
        for other in needs.get(way[-1], ()):
            if other not in seen:
                seen.add(other)
                ways.append((*way, other))
    return ()
