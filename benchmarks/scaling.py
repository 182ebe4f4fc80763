"""How long does a tick of the scaler take with 200 units? Real load pages in files, a real ledger, control's adapters.

Each unit has a replica whose page goes on counting between the ticks, as that of a busy worker does. Ticks come once a
second, so that each sees a second; among them are some that write down what was seen, with its fsync.
"""

from __future__ import annotations

import gc
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

from benchmarks.figures import Figure
from benchmarks.spread import PAIRS, Spread
from longspan.base.signatures import TensorType
from longspan.capabilities.replicas.adapters import LocalReplicas, Logs, MemoryGuard
from longspan.capabilities.scaling import run as scaling
from longspan.capabilities.scaling.adapters import Scaler
from longspan.capabilities.scaling.decide import Budget
from longspan.spec.load import load_text
from longspan.spec.units import Pins, units
from longspan.system.database import open_database
from longspan.system.ledger import Ledger
from longspan.system.records import Accepted, Generation, Replica, Slot, Wanted
from longspan.system.troubles import Troubles
from longspan.system.vault import Vault
from longspan.wire.load import LoadPage
from longspan.wire.load.layout import BEGUN, CPU_NANOSECONDS, IN_FLIGHT, READY, STARTED, STATUS_SLOT, WAITED
from longspan.wire.orders import Described, PartialSignature

UNITS = 200
BOUND_MILLISECONDS = 20.0
TICKS_EACH = 2
"""Ticks for each pair that is asked for."""

SERVICE = '  u{number:03}: {{scaling: {{min: 1, max: 4}}, steps: {{only: {{run: "steps:only", repeatable: true}}}}}}\n'
CONTENT = TensorType("BYTES", (1,))


class Busy:
    """The load page of one worker that answers `rate` requests a second, each after a wait."""

    def __init__(self, path: Path, unit: str, rate: int) -> None:
        self._page = LoadPage.create(str(path), [unit], [(unit, "only")])
        self._at, self._rate = self._page.endpoint(unit), rate
        self._page.slots[self._page.process + STARTED] = time.time_ns()
        self._page.slots[self._page.process + READY] = 1

    def a_second(self) -> None:
        """What a second of work adds."""
        slots = self._page.slots
        slots[self._page.process + CPU_NANOSECONDS] += 400_000_000 + 1_000_000 * self._rate
        slots[self._at + STATUS_SLOT[200]] += self._rate
        slots[self._at + BEGUN] += self._rate
        slots[self._at + WAITED] += self._rate * 2_000_000
        slots[self._at + IN_FLIGHT] = self._rate % 3

    def close(self) -> None:
        self._page.close()


class Scaled:
    """A state folder in which so many units serve, and control's adapters on it."""

    def __init__(self, state: Path, closing: ExitStack) -> None:
        self.ledger = Ledger(open_database(state / "state.db"))
        closing.callback(self.ledger.close)
        text = "system: {name: many}\nservices:\n" + "".join(SERVICE.format(number=number) for number in range(UNITS))
        system = load_text(text, "longspan.yaml").system
        step = PartialSignature(inputs={"content": CONTENT}, outputs={"same": CONTENT}, call="sync")
        described = Described(runs={f"{service}.only": step for service in system.services})
        accepted = Accepted(system=system.canonical(), described=described, pins=Pins())
        self.ledger.serve(self.ledger.accept(accepted, author="bench", at=1).number, 2)
        self.wanted = [Wanted(unit=unit, generation=1) for unit in units(system, described, Pins())]
        self.replicas = LocalReplicas(
            state,
            self.ledger,
            Vault(state / "vault"),
            Logs(state / "logs"),
            environment={},
            watch=lambda pid: None,
            egress="run/egress.sock",
            guard=MemoryGuard(None),
            most_bytes=0,
            troubles=Troubles(time.monotonic),
        )
        self.slots: list[Slot] = []
        self.pages: list[Busy] = []
        for want in self.wanted:
            (state / "run" / want.unit.name).mkdir(parents=True)
            self._replica(state, want, closing)
        self.seen = [Replica(slot=slot, state="ready", pid=os.getpid()) for slot in self.slots]
        self.scaler = Scaler(
            self.ledger, lambda accepted: [want.unit for want in self.wanted], lambda: Budget(256.0, 1 << 40)
        )

    def tick(self) -> tuple[float, float]:
        """One tick, as a trip makes it: the milliseconds that it took, and those of them that were CPU time."""
        current: Generation | None = self.ledger.current()
        began, cpu = time.perf_counter(), time.thread_time()
        samples = self.replicas.samples(self.slots)
        self.scaler.look(current, self.wanted, self.seen, samples, time.time_ns())
        scaling.tick(self.scaler, self.scaler)
        took = 1e3 * (time.perf_counter() - began), 1e3 * (time.thread_time() - cpu)
        if len(self.scaler.units()) != UNITS:
            raise RuntimeError(f"{len(self.scaler.units())} units were looked at, not {UNITS}")
        return took

    def _replica(self, state: Path, want: Wanted, closing: ExitStack) -> None:
        name = want.unit.name
        slot = Slot(unit=name, slot=0, replica=f"{name}-0", generation=1, digest=want.unit.digest, since=1, ready_at=2)
        self.ledger.keep(slot)
        self.slots.append(slot)
        page = Busy(state / "run" / name / "0.load", name, 20 + len(self.slots) % 30)
        closing.callback(page.close)
        self.pages.append(page)


def figures(pairs: int = PAIRS) -> Iterator[Figure]:
    """Ticks over all units; the first, which sees nothing yet, is not counted."""
    with tempfile.TemporaryDirectory() as folder, ExitStack() as closing:
        scaled = Scaled(Path(folder), closing)
        scaled.tick()
        gc.freeze()  # as control does
        found = []
        for _ in range(TICKS_EACH * pairs):
            time.sleep(1.0)
            for page in scaled.pages:
                page.a_second()
            found.append(scaled.tick())
    what = f"a scaling tick over {UNITS} units"
    yield Figure(what, "ms", Spread.of([took for took, _ in found]), BOUND_MILLISECONDS)
    yield Figure(f"CPU of {what}", "ms", Spread.of([cpu for _, cpu in found]))
