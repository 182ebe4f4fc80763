"""Eyes and hands of scaling, between two ticks: the load pages of the last one, and what is known of each unit."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

import msgspec

from longspan.capabilities.scaling.adapters.history import History
from longspan.capabilities.scaling.decide import Budget, Decision, Nature, Room, Seen, State, sight
from longspan.capabilities.scaling.decide.history import Noted, due, recorded
from longspan.capabilities.scaling.decide.limits import limits
from longspan.capabilities.scaling.decide.words import holds, notes
from longspan.capabilities.scaling.run import Watched
from longspan.spec.scaling import Policy, policies
from longspan.spec.system import System
from longspan.spec.units import Unit
from longspan.system.ledger import Ledger
from longspan.system.records import Accepted, Count, Generation, Pin, Replica, Sample, Wanted, held
from longspan.wire.load import Load

_log = logging.getLogger(__name__)

TICK_SECONDS = 0.95
"""Between two ticks at least: trips come twice a second or oftener, and every second of them is one."""
_WRITE_SECONDS = 5.0
"""Between two transactions while no count changes."""
_SHOWN = 12
"""Digits of a digest that a record keeps."""


class Machine(Protocol):
    """What may be granted here, all together."""

    @property
    def cores(self) -> float: ...
    @property
    def memory_bytes(self) -> int: ...


class Scaler:
    """What the corridors of scaling see and do (`run.See`, `run.Do`, `run.Pins`), on one database."""

    def __init__(
        self,
        ledger: Ledger,
        units: Callable[[Accepted], Sequence[Unit]],
        machine: Callable[[], Machine],
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`units`: those of an accepted system, as the file has them; `clock`: seconds, by a clock that nobody sets."""
        self._clock = clock
        self.history = History(ledger.engine)
        self._ledger, self._all_units, self._machine = ledger, units, machine
        self._policies: tuple[int, dict[str, Policy]] = (0, {})
        self._states: dict[str, tuple[str, State]] = {}
        self._remembered: dict[str, Noted] | None = None
        self._pages: dict[str, dict[str, Load]] = {}
        self._natures: dict[str, tuple[str, Nature]] = {}
        self._pending: dict[str, list[Seen]] = {}
        self._last: dict[str, Decision] = {}
        self._followed: dict[str, int] = {}
        """Units that are held -> the count that was written down meanwhile."""
        self._ticked: float | None = None
        self._wrote = 0.0
        self._now = 0
        self._seen: tuple[Watched, ...] = ()
        self._granted = Budget(0.0, 0)
        self._latest: dict[str, Noted] = {}
        self._asked: list[Count] = []
        """Counts of this tick, written all at once: each commit waits for the disk."""
        self._lock = threading.Lock()

    # Eyes

    def look(
        self,
        current: Generation | None,
        wanted: Sequence[Wanted],
        replicas: Sequence[Replica],
        samples: Sequence[Sample],
        now: int,
    ) -> Scaler:
        """See all that scales, when it is time; itself, for the corridor.

        `wanted`: what shall run, of the current generation first, with as many replicas as there shall be; `samples`:
        the load pages of this trip; `now`: UTC nanoseconds since 1970.
        """
        self._now, self._seen = now, ()
        moment = self._clock()
        span = moment - self._ticked if self._ticked is not None else 0.0
        if current is None or (self._ticked is not None and span < TICK_SECONDS):
            return self
        self._ticked = moment
        units = {want.unit.name: want.unit for want in reversed(wanted)}
        found = self._policies_of(current)
        self._granted = self.budget_of_all()
        for want in wanted:
            self._granted = self._granted.after(want.unit.cpu, want.unit.memory_bytes, want.unit.replicas)
        pins = self._ledger.pins() if found else {}
        ready = _ready(replicas)
        pages: dict[str, list[Sample]] = {}
        for sample in samples:
            pages.setdefault(sample.unit, []).append(sample)
        self._seen = tuple(
            self._watched(unit, found[unit.name], pins, ready, pages.get(unit.name, []), span)
            for unit in units.values()
            if unit.name in found
        )
        return self

    def units(self) -> Sequence[Watched]:
        return self._seen

    def budget(self) -> Budget:
        return self._granted

    def known(self, unit: Watched) -> State:
        digest, state = self._states.get(unit.unit, ("", State()))
        if digest == unit.digest:
            return state
        # Another work, or a control that is new: what was learnt of this very work is written down.
        if self._remembered is None:
            self._remembered = self.history.last()
        noted = self._remembered.get(unit.unit)
        same = noted is not None and noted.record.digest == unit.digest[:_SHOWN]
        return State(lessons=noted.record.lessons if noted is not None and same else ())

    def latest(self) -> dict[str, Noted]:
        """The decision of the last tick for each unit."""
        with self._lock:
            return dict(self._latest)

    def counted(self, now: int) -> list[Unit]:
        """All units of the current generation, with as many replicas as they shall have."""
        accepted, counts = self._in_force()
        pins = self._ledger.pins()
        return [
            msgspec.structs.replace(unit, replicas=held(unit, counts, pins, now)) for unit in self._units_of(accepted)
        ]

    def notes(self, now: int) -> tuple[str, ...]:
        """What a plan should mention: units that have another count than the current generation's file says."""
        accepted, counts = self._in_force()
        return notes(self._units_of(accepted), counts, self._ledger.pins(), now) if accepted is not None else ()

    def _in_force(self) -> tuple[Accepted | None, dict[str, Count]]:
        """What the current generation holds, and the counts of its units that scale."""
        if (current := self._ledger.current()) is None:
            return None, {}
        scaled = policies(System.from_canonical(current.accepted.system))
        return current.accepted, {name: count for name, count in self._ledger.counts().items() if name in scaled}

    def _units_of(self, accepted: Accepted | None) -> Sequence[Unit]:
        return self._all_units(accepted) if accepted is not None else ()

    def pinned(self, now: int) -> frozenset[str]:
        """Units that somebody holds; also such as are none now."""
        return frozenset(name for name, pin in self._ledger.pins().items() if now < pin.until)

    def budget_of_all(self) -> Budget:
        machine = self._machine()
        return Budget(machine.cores, machine.memory_bytes)

    def _watched(
        self,
        unit: Unit,
        policy: Policy,
        pins: Mapping[str, Pin],
        ready: Mapping[tuple[str, str], set[str]],
        samples: Sequence[Sample],
        span: float,
    ) -> Watched:
        here = ready.get((unit.name, unit.digest), set())
        before = self._pages.get(unit.name)
        self._pages[unit.name] = {sample.replica: sample.load for sample in samples}
        seen = None
        if before is not None:
            seen = sight(
                before,
                [sample for sample in samples if sample.replica in here],
                at=self._now,
                span=span,
                wanted=unit.replicas,
                ready=len(here),
                nature=self._nature(unit),
            )
        pin = pins.get(unit.name)
        return Watched(
            unit=unit.name,
            digest=unit.digest,
            policy=policy,
            current=unit.replicas,
            seen=seen,
            cpu=unit.cpu,
            memory_bytes=unit.memory_bytes,
            held=holds(pin) if pin is not None and self._now < pin.until else "",
        )

    def _nature(self, unit: Unit) -> Nature:
        digest, nature = self._natures.get(unit.name, ("", None))
        if nature is None or digest != unit.digest:
            nature = Nature(unit.work)
            self._natures[unit.name] = (unit.digest, nature)
        return nature

    def _policies_of(self, current: Generation) -> dict[str, Policy]:
        number, found = self._policies
        if number != current.number:
            found = policies(System.from_canonical(current.accepted.system))
            self._policies = (current.number, found)
            for known in (
                self._states,
                self._pages,
                self._natures,
                self._pending,
                self._last,
                self._followed,
                self._latest,
            ):
                for name in [name for name in known if name not in found]:
                    del known[name]
        return found

    # Hands

    def conclude(self, unit: Watched, room: Room | None, state: State, decision: Decision) -> None:
        name = unit.unit
        self._states[name] = (unit.digest, state)
        pending = self._pending.setdefault(name, [])
        if unit.seen is not None and unit.seen.span > 0:
            pending.append(unit.seen)
        noting = due(pending, unit.current, decision, self._last.get(name))
        record = recorded(
            pending if noting else pending[-1:],
            unit.current,
            decision,
            unit.policy,
            lessons=state.lessons,
            room=room,
            held=unit.held,
            digest=unit.digest[:_SHOWN],
        )
        noted = Noted(name, self._now, record)
        with self._lock:
            self._latest[name] = noted
        if noting:
            self.history.note(noted)
            pending.clear()
            self._last[name] = decision
        if unit.held:
            self._follow(unit)
            return
        self._followed.pop(name, None)
        if decision.replicas != unit.current:
            self._want(name, decision.replicas, decision.reason)

    def _follow(self, unit: Watched) -> None:
        """Where a pin ends, the load decides from what it held: fewer only after a calm time, and as slowly as ever."""
        replicas = limits(unit.policy, self._now).within(unit.current)
        if self._followed.get(unit.unit) != replicas:
            self._followed[unit.unit] = replicas
            self._want(unit.unit, replicas, f"was {unit.held}")

    def _want(self, name: str, replicas: int, reason: str) -> None:
        self._asked.append(Count(unit=name, replicas=replicas, reason=reason, at=self._now))
        _log.info("%s: %s", name, reason)
        self._wrote = 0.0

    def pin(self, pin: Pin) -> None:
        self._ledger.pin(pin)
        _log.info("%s is %s", pin.unit, holds(pin))

    def unpin(self, unit: str) -> None:
        self._ledger.unpin(unit)
        _log.info("%s is held no longer", unit)

    def write_down(self) -> None:
        asked, self._asked = self._asked, []  # what cannot be written is concluded anew on the next tick
        self._ledger.want(*asked)
        if self._ticked is not None and self._ticked - self._wrote >= _WRITE_SECONDS:
            self._wrote = self._ticked
            self.history.write()


def _ready(replicas: Sequence[Replica]) -> dict[tuple[str, str], set[str]]:
    """(unit, digest of its work) -> ids of the replicas that serve and stay."""
    found: dict[tuple[str, str], set[str]] = {}
    for replica in replicas:
        if replica.state == "ready" and replica.slot.stopping_at is None:
            found.setdefault((replica.unit, replica.digest), set()).add(replica.slot.replica)
    return found
