"""All that control holds: the adapters, and the trip that walks the corridors with them.

One thread makes the trips, so corridors need no locks among themselves; the API's threads only read
the last `Snapshot`, write a pending generation through the ledger, and knock.
"""

from __future__ import annotations

import logging
import os
import shutil
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from longspan import __version__
from longspan.base.errors import LongspanError, Missing
from longspan.capabilities.gateway import adapters as gateway_adapters
from longspan.capabilities.gateway import run as gateway
from longspan.capabilities.generations import decide as generations_decide
from longspan.capabilities.generations import run as generations
from longspan.capabilities.generations.adapters import Folder, Generations, secrets_key
from longspan.capabilities.replicas import run as replicas
from longspan.capabilities.replicas.adapters import LocalReplicas, Logs, MemoryGuard, There
from longspan.capabilities.scaling import run as scaling
from longspan.capabilities.scaling.adapters import Scaler
from longspan.client.control import SOCKET
from longspan.control.snapshot import Memory, Snapshot
from longspan.spec.gateway import Gateway
from longspan.spec.system import System
from longspan.spec.units import Unit
from longspan.system.database import open_database
from longspan.system.ledger import Ledger
from longspan.system.locks import holder, take
from longspan.system.records import Cors, GatewayWanted, Generation, Slot, Wanted
from longspan.system.troubles import Troubles, words
from longspan.system.vault import Vault

_log = logging.getLogger(__name__)

MOST_OF_THE_MACHINE = 0.8
"""Of its memory, that one process of a unit may write to."""


class World:
    """One system's adapters. Holds the lock of the state folder for the life of the process."""

    def __init__(
        self,
        file: Path,
        state: Path,
        environment: Mapping[str, str],
        *,
        watch: Callable[[int], None],
        guard: MemoryGuard | None = None,
        clock: Callable[[], int] = time.time_ns,
    ) -> None:
        """`guard` holds replicas to their memory; None: they are watched. `clock` gives UTC nanoseconds.

        Raises `Missing`, naming the holder, when another control has the state folder.
        """
        for folder in ("run", "cache/graphs"):
            (state / folder).mkdir(mode=0o700, parents=True, exist_ok=True)
        if take(state / "lock") is None:
            raise Missing(
                f"this system runs already: its control is pid {holder(state / 'lock')}",
                remedy="Use longspan apply to change it, longspan down to stop it",
            )
        self.state = state
        self.ledger = Ledger(open_database(state / "state.db"))
        self.vault = Vault(state / "vault")
        self.logs = Logs(state / "logs")
        self.folder = Folder(file, state, environment)
        self.generations = Generations(
            self.folder,
            self.vault,
            secrets_key(state / "key"),
            environment,
            last_log=self.logs.tail,
            claim_port=self._claim,
        )
        self.guard, self.troubles = guard or MemoryGuard(None), Troubles(time.monotonic)
        self.replicas = LocalReplicas(
            state,
            self.ledger,
            self.vault,
            self.logs,
            environment=environment,
            watch=watch,
            egress=gateway_adapters.EGRESS_SOCKET,
            guard=self.guard,
            most_bytes=int(MOST_OF_THE_MACHINE * self.generations.machine().memory_bytes),
            troubles=self.troubles,
        )
        self.there = There()
        self.gateway = gateway_adapters.Envoy(state)
        self.scaling = Scaler(self.ledger, self.generations.units, self.generations.machine)
        self._watch, self._clock = watch, clock
        self._choosing = threading.Lock()
        self._read: tuple[int, Gateway] | None = None
        served = self.ledger.current()
        self.seen = Snapshot(in_force=served.number if served else None)
        self.stopping = False

    @classmethod
    def enter(
        cls,
        file: Path,
        state: Path,
        environment: Mapping[str, str],
        *,
        watch: Callable[[int], None],
        guard: MemoryGuard | None = None,
    ) -> World:
        """The world of `state`, which becomes the working directory and is called ``.`` from here on.

        So no absolute path is kept anywhere, and the folder can be moved while all runs. Raises as the
        constructor does.
        """
        state.mkdir(mode=0o700, parents=True, exist_ok=True)
        relative = Path(os.path.relpath(file.resolve(), state.resolve()))
        os.chdir(state)
        return cls(relative, Path(), environment, watch=watch, guard=guard)

    def trip(self) -> Snapshot:
        """See, decide, act, once through all corridors; what is not safe yet is left to the next trip."""
        now = self._clock()
        current, pending, slots = self.ledger.current(), self.ledger.pending(), self.ledger.slots()
        seen, samples = self.gateway.see(), tuple(self.replicas.samples(slots))
        wanted, staying, unproved = self._wish(current, pending, slots, seen.endpoints, now)
        if seen.pid is not None:
            self._watch(seen.pid)
        concluded, found = replicas.converge(
            self.replicas, self.replicas, slots, (*staying, *wanted), samples, seen, now, unproved=unproved
        )
        trouble = seen.rejected
        if (leading := current or pending or self._newest()) and not self.stopping:
            # The old work first: its routes stand until the new generation serves. What only stays for callers on
            # their way out has them where nobody else does.
            works = {want.unit.name: want.unit.work for want in (*staying, *reversed(wanted))}
            try:
                gateway.converge(
                    GatewayWanted(
                        port=self.port(leading),
                        works=tuple(works.values()),
                        endpoints=concluded.endpoints,
                        cors=self.cors(leading),
                    ),
                    seen,
                    self.gateway,
                    self.gateway,
                    now,
                    __version__,
                )
            except (LongspanError, OSError) as error:
                # Such as a port that somebody took while Envoy was dead: replicas and the judgement go on.
                trouble = words(error)
            with self.troubles.borne("writing down how the generation fares"):
                judgement = generations.settle(self.generations, self.ledger, found, seen, now)
                if judgement and judgement.verdict in ("serve", "fail"):
                    _log.info(
                        "generation %d: %s, %s", pending.number if pending else 0, judgement.verdict, judgement.reason
                    )
        if trouble and trouble != self.seen.trouble:
            _log.error("gateway: %s", trouble)
        routed = {endpoint.socket for endpoint in concluded.endpoints}
        moving = bool(pending or concluded.moves or routed != seen.endpoints or any(r.state != "ready" for r in found))
        self.seen = Snapshot(
            current=current,
            pending=pending,
            wanted=(*staying, *wanted),
            replicas=found,
            samples=samples,
            memory=self._memory(wanted),
            gateway=seen,
            in_force=current.number if current and not seen.endpoints - routed else self.seen.in_force,
            leftover=seen.endpoints - routed,
            trouble=trouble,
            moving=not self.troubles and (moving or not (seen.listening or trouble)),
        )
        with self.troubles.borne("scaling"):
            scaling.tick(self.scaling.look(current, wanted, found, samples, now), self.scaling)
        return self.seen

    def _wish(
        self,
        current: Generation | None,
        pending: Generation | None,
        slots: Sequence[Slot],
        routed: frozenset[str],
        now: int,
    ) -> tuple[tuple[Wanted, ...], tuple[Wanted, ...], frozenset[str]]:
        """What shall run; what stays although it is not that; digests of work that is still judged."""
        if self.stopping:
            return (), (), frozenset()
        units = {g.number: self._units(g, now) for g in (current, pending) if g}
        wanted = generations_decide.wanted(current, pending, units)
        still = {(want.unit.name, want.unit.digest) for want in wanted}
        leaving = [slot for slot in slots if slot.stopping_at is not None or (slot.unit, slot.digest) not in still]
        older = {slot.generation for slot in leaving} - units.keys()
        brought = units | {number: self._units(g, now) for number in older if (g := self.ledger.generation(number))}
        proved = {unit.digest for unit in units[current.number]} if current else set()
        judged = {unit.digest for unit in units[pending.number]} if pending else set()
        serving = current.number if current else None
        staying = generations_decide.staying(wanted, slots, brought, serving)
        outdated = generations_decide.outdated(wanted, slots, brought, routed)
        return wanted, (*outdated, *staying), frozenset(judged - proved)

    def _units(self, generation: Generation, now: int) -> tuple[Unit, ...]:
        return generations.units_now(self.generations, self.ledger, generation.accepted, now)

    def _memory(self, wanted: Sequence[Wanted]) -> dict[str, Memory]:
        weights = self.replicas.weights()
        found = {}
        for unit in (want.unit for want in wanted if want.unit.memory_bytes):
            weight = weights.get(unit.digest)
            found[unit.name] = Memory(
                guard=self.guard.kind,
                replaced=weight.replaced if weight else 0,
                trouble=weight.trouble if weight else "",
            )
        return found

    def notes(self) -> tuple[str, ...]:
        """What a plan should mention that no generation holds: pins and counts."""
        found: list[str] = []
        found += self.scaling.notes(self._clock())
        return tuple(found)

    def done(self, number: int) -> bool:
        """Is the verdict on that generation in force, as far as the last trip saw?"""
        pending = self.seen.pending
        return (pending is None or pending.number != number) and not self.seen.leftover

    def port(self, generation: Generation) -> int:
        """The gateway's port: the file's, or the one that was chosen for ``port: 0`` and kept."""
        port = self._gateway(generation).port
        if port:
            return port
        with self._choosing:  # the first trip and the first question about the status ask at once
            if (kept := self.ledger.fact("port")) is None:
                kept = str(gateway_adapters.choose_port())
                self.ledger.remember("port", kept)
        return int(kept)

    def cors(self, generation: Generation) -> Cors | None:
        """Which pages of other origins may call the gateway, as the file says."""
        if (said := self._gateway(generation).cors) is None:
            return None
        return Cors(tuple(said.origins), tuple(said.headers), int(said.max_age.total_seconds()))

    def _gateway(self, generation: Generation) -> Gateway:
        """That section of its file; the last one is kept, since each trip asks."""
        if self._read is None or self._read[0] != generation.number:
            self._read = generation.number, System.from_canonical(generation.accepted.system).gateway
        return self._read[1]

    def give_up_stopped(self) -> None:
        """A generation that was on its way when everything stopped has failed: there is nothing left to judge.

        While a process of it lives, it is adopted, and goes on.
        """
        pending = self.ledger.pending()
        seen = self.replicas.sights(self.ledger.slots())
        alive = self.gateway.see().pid is not None or any(sight.pid is not None for sight in seen)
        if pending is not None and not alive:
            self.ledger.fail(pending.number, "everything was stopped while it was on its way", ())

    def claim_own_port(self) -> None:
        """Raises `Missing`, naming the holder, when nobody serves yet and the port is taken."""
        current = self.ledger.current() or self.ledger.pending()
        if current and self.gateway.see().pid is None:
            gateway_adapters.refuse_taken(self.port(current))

    def clear(self) -> None:
        """Leave no socket and no temporary file behind; what is remembered stays."""
        shutil.rmtree(self.state / "run", ignore_errors=True)
        (self.state / SOCKET).unlink(missing_ok=True)
        self.ledger.close()

    def _claim(self, port: int) -> None:
        """Raises `Missing`, naming the holder, when the port is somebody else's."""
        leading = self.ledger.current() or self.ledger.pending() or self._newest()
        port = port or int(self.ledger.fact("port") or 0)
        ours = self.seen.gateway.pid is not None and leading is not None and self.port(leading) == port
        if port and not ours:
            gateway_adapters.refuse_taken(port)

    def _newest(self) -> Generation | None:
        """Whose port the gateway holds while nothing serves: its first generation has failed, and leaves."""
        newest = self.ledger.generations(1)
        return newest[0] if newest else None
