"""What is done to the system of a long run, all at the same time, and what is seen meanwhile.

Three hands with a rhythm of their own: changes (applies and rollbacks, evenly over the time, each waited for until it
is in force), kills (``kill -9`` of a replica, at random moments), and looks (`census`). The load never stops.
"""

from __future__ import annotations

import contextlib
import random
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.judge import Judge
from benchmarks.soak import census, service
from benchmarks.system import System, kill
from longspan.base.errors import LongspanError
from longspan.client.control import Control
from longspan.client.load import Background, Plan, Report, run
from longspan.client.messages import ApplyOrder, RollbackOrder

SHARE = 0.7
"""Of the capacity."""
ROLLBACKS = 3
"""Every third change is a rollback."""
KILL_EVERY_SECONDS = 6.0
LOOK_EVERY_SECONDS = 3.0
TELL_EVERY_SECONDS = 15.0
AUTHOR = "soak"
_CLOSED = 32
"""Requests under way while the capacity is measured."""


@dataclass
class Told:
    """What a long run has found."""

    capacity: float = 0.0
    """Requests a second."""
    rate: float = 0.0
    report: Report | None = None
    served: int = 0
    """Generations that came to serve,"""
    gone_back: int = 0
    """those that did not, since one of their replicas was killed before they had settled,"""
    unexplained: list[str] = field(default_factory=list)
    """and those that failed for another reason, or were refused."""
    rollbacks: int = 0
    kills: int = 0
    change_seconds: list[float] = field(default_factory=list)
    at: list[float] = field(default_factory=list)
    """Seconds since the start of the load, of each look,"""
    seen: dict[str, list[float]] = field(default_factory=dict)
    """and what was counted then."""

    @property
    def changes(self) -> int:
        return self.served + self.gone_back + len(self.unexplained)


class Course:
    """One long run on a system that is up. It ends when its time is over and all its changes have been made."""

    def __init__(self, system: System, *, seconds: float, cycles: int, seed: int) -> None:
        self._system, self._seconds, self._cycles = system, seconds, cycles
        self._random = random.Random(seed)
        self._control = Control(system.state)
        self._version = 1
        """The newest version of the steps that was written."""
        self._content = {1: 1}
        """Generation -> version of its steps."""
        self._current = 1
        self._told = Told()
        self._judge = Judge(self._read, 1)
        self._over = threading.Event()
        self._killed_at = 0.0

    def run(self) -> Told:
        """All of it. Raises what a hand raises; the load is stopped in any case."""
        told = self._told
        told.capacity = capacity(self._system.address)
        told.rate = SHARE * told.capacity
        plan = Plan(
            address=self._system.address,
            requests=service.requests(),
            rate_per_second=told.rate,
            seconds=10 * self._seconds,
            check=self._judge,
        )
        failures: list[BaseException] = []
        hands = [threading.Thread(target=_caught, args=(hand, failures)) for hand in (self._kill, self._look)]
        with Background(plan) as load:
            self._load = load
            try:
                for hand in hands:
                    hand.start()
                self._change(failures)
            finally:
                self._over.set()
                for hand in hands:
                    hand.join()
        told.report = load.report
        if failures:
            raise failures[0]
        return told

    def _read(self, key: str, answer: Any) -> tuple[str, int]:
        wrong, version = service.read(key, answer)
        # The unit that nobody changes answers under any version.
        return wrong, self._content[self._current] if version is None else version

    # The hands ---------------------------------------------------------------------------------------------

    def _change(self, failures: list[BaseException]) -> None:
        began = told_at = time.monotonic()
        number = 0
        while not failures:
            now = time.monotonic() - began
            if now >= self._seconds and number >= self._cycles:
                return
            if time.monotonic() - told_at > TELL_EVERY_SECONDS:
                told_at = time.monotonic()
                self._tell()
            if number < self._cycles and now >= number * self._seconds / self._cycles:
                number += 1
                self._one_change(back=number % ROLLBACKS == 0)
            else:
                time.sleep(0.02)

    def _one_change(self, *, back: bool) -> None:
        told, began = self._told, time.monotonic()
        try:
            if back:
                coming = self._content[max(n for n in self._content if n < self._current)]
                self._judge.expect(self._content[self._current], coming)
                answer = self._control.rollback(RollbackOrder(author=AUTHOR))
            else:
                self._version = coming = self._version + 1
                self._judge.expect(self._content[self._current], coming)
                service.write_steps(self._system.folder, coming)
                answer = self._control.apply(ApplyOrder(author=AUTHOR))
            if (number := answer.generation) is None:
                told.unexplained.append("nothing would change")
                return
            *_, (generation, _) = self._control.follow(number)
        except LongspanError as error:
            told.unexplained.append(str(error))
            self._judge.expect(self._content[self._current])
            return
        told.change_seconds.append(time.monotonic() - began)
        if generation.state == "serving":
            self._content[number], self._current = coming, number
            told.served += 1
            told.rollbacks += back
        elif self._killed_at >= began:
            told.gone_back += 1
        else:
            told.unexplained.append(generation.reason)
        self._judge.expect(self._content[self._current])

    def _kill(self) -> None:
        while not self._over.wait(self._random.uniform(0.2, 1.8) * KILL_EVERY_SECONDS):
            unit = self._random.choice(service.HURT)
            ready = [one.pid for one in self._system.replicas(unit) if one.state == "ready" and one.pid]
            if ready:
                self._killed_at = time.monotonic()
                with contextlib.suppress(ProcessLookupError):
                    kill(self._random.choice(ready))
                    self._told.kills += 1

    def _look(self) -> None:
        while not self._over.wait(LOOK_EVERY_SECONDS):
            at, found = self._load.seconds, census.count(self._system, self._system.status(), service.STILL)
            self._told.at.append(at)
            for name, value in found.items():
                row = self._told.seen.setdefault(name, [])
                row += [float("nan")] * (len(self._told.at) - 1 - len(row)) + [value]

    def _tell(self) -> None:
        now, told = self._load.progress(TELL_EVERY_SECONDS), self._told
        memory = ", ".join(
            f"{name} {told.seen[key][-1] / (1 << 20):.0f} MiB"
            for name, key in (("control", "control: memory"), ("Envoy", "Envoy: memory"))
            if told.seen.get(key)
        )
        print(
            f"{now.seconds:6.0f} s  {now.ok} ok, {now.failed} failed, p95 {1e3 * now.latency.p95:.0f} ms; "
            f"{told.changes} changes ({told.gone_back} gone back), {told.kills} kills; {memory}",
            file=sys.stderr,
            flush=True,
        )


def capacity(address: str, seconds: float = 3.0) -> float:
    """Right answers a second when so many requests are always under way."""
    plan = Plan(
        address=address,
        requests=service.requests(),
        rate_per_second=20_000,
        seconds=seconds,
        new_connection_every=0,
        in_flight=_CLOSED,
    )
    report = run(plan)
    if report.failed:
        raise RuntimeError(f"the capacity could not be measured: {report}")
    return report.ok / report.seconds


@contextlib.contextmanager
def system(folder: Path) -> Iterator[System]:
    """The system of a long run, up and ready; stopped afterwards."""
    service.write(folder)
    with System(folder) as made:
        made.up()
        yield made


def _caught(hand: Callable[[], None], failures: list[BaseException]) -> None:
    try:
        hand()
    except BaseException as error:  # noqa: BLE001  Told by who waits for the hands.
        failures.append(error)
