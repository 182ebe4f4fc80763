"""What of the past counts: the last moments one by one, what is older in blocks.

A window is as long as the longest thing that is asked of it, and holds no more than about a hundred entries, however
long that is. It is measured by the spans of what was seen, never by the clock on the wall: a clock that is set
forward or back makes it neither longer nor shorter.
"""

from __future__ import annotations

from collections.abc import Sequence
from operator import mul

import msgspec

from longspan.capabilities.scaling.decide.values import Seen
from longspan.spec.scaling import Policy

_PIECES = 30
"""Entries, about, of the panic window."""
_BLOCKS = 60
"""Entries, about, of what is older."""
_MOST = 240
"""Entries kept of either, where what was seen is so unlike that little can be merged. Then less is known, and kept."""
_DUST = 1e-3
"""Seconds by which a second may be short, and still fill its window."""


class Window(msgspec.Struct, frozen=True):
    """The past of one unit, oldest first."""

    blocks: tuple[Seen, ...] = ()
    """What is older than the panic window, merged to the length of one as far as it is alike."""
    fresh: tuple[Seen, ...] = ()
    """The panic window, and a little more."""

    def strength(self) -> tuple[Seen, ...]:
        """The last entries with as many ready replicas as there are now."""
        return _alike((*self.blocks, *self.fresh))

    def recent(self) -> tuple[Seen, ...]:
        """The same of the panic window alone."""
        return _alike(self.fresh)


def remember(window: Window, seen: Seen, policy: Policy) -> Window:
    """The window with one more entry; what nobody will ask for is gone."""
    fresh = _append(window.fresh, seen, policy.panic_seconds / _PIECES)
    blocks = window.blocks
    block = max(policy.panic_seconds, policy.calm_seconds / _BLOCKS, policy.stable_seconds / _BLOCKS)
    held = spans(fresh)
    while len(fresh) > 1 and (held - fresh[0].span >= policy.panic_seconds - _DUST or len(fresh) > _MOST):
        held -= fresh[0].span
        blocks = _append(blocks, fresh[0], block)
        fresh = fresh[1:]
    keep = max(policy.calm_seconds, policy.stable_seconds)
    held += spans(blocks)
    while blocks and (held - blocks[0].span >= keep - _DUST or len(blocks) > _MOST):
        held -= blocks[0].span
        blocks = blocks[1:]
    return Window(blocks, fresh)


def spans(entries: Sequence[Seen]) -> float:
    """Seconds, all together."""
    return sum([one.span for one in entries])


def last(entries: Sequence[Seen], seconds: float) -> tuple[Seen, ...] | None:
    """The newest entries that fill so many seconds; None when all together do not."""
    held = 0.0
    for at in range(len(entries) - 1, -1, -1):
        held += entries[at].span
        if held >= seconds - _DUST:
            return tuple(entries[at:])
    return None


def merged(entries: Sequence[Seen]) -> Seen:
    """One entry for all of them: means over time, waits and service times over requests. Raises on none."""
    newest = entries[-1]
    if len(entries) == 1:
        return newest
    time = [one.span for one in entries]
    # A second without requests says nothing about how long they wait, unless there is no other.
    requests = [one.span * (one.arrivals or 0.0) for one in entries]
    length, asked = sum(time), sum(requests)
    if not asked:
        requests, asked = time, length
    return Seen(
        at=newest.at,
        span=length,
        wanted=newest.wanted,
        ready=newest.ready,
        pages=min([one.pages - one.ready for one in entries]) + newest.ready,
        arrivals=_mean([one.arrivals for one in entries], time, length),
        refused=_mean([one.refused for one in entries], time, length),
        cpu=_mean([one.cpu for one in entries], time, length),
        in_flight=_mean([one.in_flight for one in entries], time, length),
        queue_wait=_mean([one.queue_wait for one in entries], requests, asked),
        service=_mean([one.service for one in entries], requests, asked),
        p95=_mean([one.p95 for one in entries], requests, asked),
    )


def _append(entries: tuple[Seen, ...], seen: Seen, most: float) -> tuple[Seen, ...]:
    """`seen` at the end, within the last entry where it is alike and does not become longer than `most`."""
    if entries:
        end = entries[-1]
        alike = (end.ready, end.wanted, end.whole) == (seen.ready, seen.wanted, seen.whole)
        if alike and end.span + seen.span <= most + _DUST:
            return (*entries[:-1], merged((end, seen)))
    return (*entries, seen)


def _alike(entries: tuple[Seen, ...]) -> tuple[Seen, ...]:
    at = len(entries)
    while at and entries[at - 1].ready == entries[-1].ready:
        at -= 1
    return entries[at:]


def _mean(values: list[float | None], weights: Sequence[float], weight: float) -> float | None:
    """Of those that are known; None where none is. `weight` is the sum of `weights`."""
    if None not in values:
        # Each unit comes here some times a second: what is ordinary is left to loops that are not ours.
        return float(sum(map(mul, values, weights)) / weight)
    pairs = [(value, by) for value, by in zip(values, weights, strict=True) if value is not None]
    known = sum([by for _, by in pairs])
    if known > 0:
        return sum([value * by for value, by in pairs]) / known
    return pairs[-1][0] if pairs else None
