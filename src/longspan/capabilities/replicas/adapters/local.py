"""Replicas as processes of this machine.

Liveness is the lock that a worker holds beside its socket, identity the handshake on that socket; a pid
is only for signals. A process belongs to its slot, not to the control that started it: the next
control finds it by the same lock.
"""

from __future__ import annotations

import contextlib
import logging
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Literal

import msgspec
from msgspec.structs import replace

from longspan.base.errors import LongspanError
from longspan.capabilities.replicas.adapters.cgroup import MemoryGuard
from longspan.capabilities.replicas.adapters.ends import Ends
from longspan.capabilities.replicas.adapters.handshakes import Handshakes
from longspan.capabilities.replicas.adapters.logs import Logs
from longspan.capabilities.replicas.adapters.ports import choose, is_free
from longspan.capabilities.replicas.decide import (
    Ask,
    Drain,
    Forget,
    Kill,
    Move,
    Sight,
    Silence,
    Start,
    Weight,
    hard_limit,
    socket_of,
    thread_limits,
)
from longspan.spec.units import Unit
from longspan.system.children import in_memory, passed_on
from longspan.system.ids import new_id
from longspan.system.ledger import Ledger
from longspan.system.locks import holder
from longspan.system.records import Replica, Sample, Slot
from longspan.system.troubles import Troubles
from longspan.system.vault import Vault
from longspan.wire.load import read as read_load
from longspan.wire.orders import Orders, Work

_log = logging.getLogger(__name__)

_CALLED = {
    Start: "starting a replica",
    Drain: "draining it",
    Ask: "asking where it hangs",
    Kill: "ending it",
    Forget: "taking it out of the records",
}

_WORKER = (sys.executable, "-P", "-B", "-m", "longspan.serving")


class LocalReplicas:
    """Eyes and hands for the slots of one state folder."""

    def __init__(
        self,
        state: Path,
        ledger: Ledger,
        vault: Vault,
        logs: Logs,
        *,
        environment: Mapping[str, str],
        watch: Callable[[int], None],
        egress: str,
        guard: MemoryGuard,
        most_bytes: int,
        troubles: Troubles,
    ) -> None:
        """`watch` is told each pid to wake for, `egress` is the socket through which units are called. `most_bytes`: of
        memory that one process may write to, whatever its unit is granted; 0: nobody knows. `troubles` is
        told what cannot be done now."""
        self._state, self._ledger, self._vault, self._logs = state, ledger, vault, logs
        self._environment, self._watch, self._egress, self._guard = environment, watch, egress, guard
        self._most_bytes, self._troubles = most_bytes, troubles
        self._children: dict[str, subprocess.Popen[bytes]] = {}
        self._handshakes, self._ends = Handshakes(), Ends()
        self._weights: dict[str, Weight] = {}
        self._silences: dict[str, Silence] = {}

    # Eyes

    def sights(self, slots: Sequence[Slot]) -> list[Sight]:
        """Lock, child and handshake of each slot. Takes milliseconds, however many workers are silent."""
        children = [self._child(slot) for slot in slots]
        pids = [holder(self._path(slot, "lock")) for slot in slots]
        for pid in pids:
            if pid is not None:
                self._watch(pid)
        sockets = {pid: self._door(slot) for slot, pid in zip(slots, pids, strict=True) if pid is not None}
        answers = self._handshakes.ask(sockets)
        return [
            Sight(pid=pid, child=child, identity=answers.get(pid) if pid is not None else None)
            for pid, child in zip(pids, children, strict=True)
        ]

    def samples(self, slots: Sequence[Slot]) -> list[Sample]:
        """The load pages of those slots that have one. A page of another build is passed over."""
        now = time.time_ns()
        found = []
        for slot in slots:
            with contextlib.suppress(LongspanError):
                if (load := read_load(str(self._path(slot, "load")))) is not None:
                    found.append(Sample(unit=slot.unit, slot=slot.slot, replica=slot.replica, at=now, load=load))
        return found

    def ends(self) -> dict[tuple[str, int], str]:
        """(unit, slot) -> how its last process ended, for some minutes."""
        return self._ends.recent()

    def weights(self) -> dict[str, Weight]:
        """What is remembered of memory, by digest of the work."""
        return self._weights

    def silences(self) -> dict[str, Silence]:
        """What is remembered of who answers nothing, by replica."""
        return self._silences

    def _child(self, slot: Slot) -> Literal["alive", "gone", "unknown"]:
        child = self._children.get(slot.replica)
        if child is None or child.poll() is None:
            return "unknown" if child is None else "alive"
        del self._children[slot.replica]
        how = self._ends.ended(slot, child.returncode)
        self._logs.note(slot.unit, slot.slot, f"replica {slot.replica} ended: {how}")
        return "gone"

    # Hands

    def keep(self, slot: Slot) -> None:
        """Write a slot down, now or on a later trip."""
        if slot.died_at is not None:
            self._guard.release(slot.replica)
        with self._troubles.borne(f"{slot.unit}/{slot.slot}: writing down what was seen"):
            self._ledger.keep(slot)
            if slot.died_at is not None and slot.stopping_at is None:
                deaths = f"{slot.restarts} deaths so far"
                _log.warning("%s/%d: replica %s died; %s", slot.unit, slot.slot, slot.replica, deaths)

    def remember(self, weights: dict[str, Weight], silences: dict[str, Silence], seen: Sequence[Replica]) -> None:
        """Remember them, and log what is new in them."""
        for digest, weight in weights.items():
            before = self._weights.get(digest, Weight())
            for replica in seen:
                if replica.digest == digest and weight.leaving == replica.slot.replica != before.leaving:
                    words = f"holds {replica.memory_bytes >> 20} MiB, more than it is granted: another takes its place"
                    self._logs.note(replica.unit, replica.slot.slot, words)
                    _log.warning("%s/%d %s", replica.unit, replica.slot.slot, words)
            if weight.trouble and weight.trouble != before.trouble:
                unit = next((replica.unit for replica in seen if replica.digest == digest), "")
                _log.warning("%s: %s", unit, weight.trouble)
        self._weights, self._silences = weights, silences

    def forget(self, slot: Slot) -> None:
        """The slot is free: what its replica left behind goes. Raises `OSError`, `LongspanError`."""
        for suffix in ("sock", "sock.new", "keeper.sock", "keeper.sock.new", "lock", "load", "ids", "json"):
            self._path(slot, suffix).unlink(missing_ok=True)
        self._guard.release(slot.replica)
        self._ends.forget(slot)
        self._ledger.forget(slot)

    def act(self, move: Move | Ask) -> None:
        """Carry out one move; what cannot be done is logged and looked at again on the next trip."""
        slot = move.slot if isinstance(move, Start | Forget) else move.replica.slot
        with self._troubles.borne(f"{slot.unit}/{slot.slot}: {_CALLED[type(move)]}"):
            self._act(move)

    def _act(self, move: Move | Ask) -> None:
        match move:
            case Start(slot, wanted):
                self._start(slot, wanted.unit)
            case Drain(replica):
                if replica.state != "draining":  # a second SIGTERM would cut off what it still answers
                    self._signal(replica, signal.SIGTERM)
                # Written down after it: a control that dies between the two finds it draining, and ours to forget.
                self._ledger.keep(replace(replica.slot, stopping_at=time.time_ns()))
            case Ask(replica, reason):
                self._logs.note(replica.unit, replica.slot.slot, f"{reason}; its threads are:")
                self._signal(replica, signal.SIGQUIT)
            case Kill(replica, reason):
                _log.warning("%s/%d: killed: %s", replica.unit, replica.slot.slot, reason)
                self._logs.note(replica.unit, replica.slot.slot, f"killed: {reason}")
                self._ends.because(replica.slot, reason)
                self._signal(replica, signal.SIGKILL)
            case Forget(slot):
                self.forget(slot)

    def _start(self, slot: Slot, unit: Unit) -> None:
        work = unit.work
        slot = replace(slot, replica=new_id(), port=self._port(slot, work))
        folder = self._state / "run" / slot.unit
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        orders = self._path(slot, "json")
        orders.write_bytes(msgspec.json.encode(self._orders(slot, work)))
        # Written down first: a control that dies between the two finds the process by its lock.
        self._ledger.keep(slot)
        secrets = {name: self._environment.get(name) for name in work.secrets}
        missing = [name for name, value in secrets.items() if value is None]
        if missing:
            self._logs.note(slot.unit, slot.slot, f"cannot start: no {', '.join(missing)} in control's environment")
            self._ledger.keep(replace(slot, died_at=slot.since, restarts=slot.restarts + 1, quick_deaths=3))
            return
        self._logs.note(slot.unit, slot.slot, f"replica {slot.replica} of generation {slot.generation} starts")
        descriptor = in_memory(msgspec.json.encode(secrets))
        try:
            with self._logs.open(slot.unit, slot.slot) as log:
                child = subprocess.Popen(
                    [*_WORKER, *_errand(work, str(orders.relative_to(self._state)), descriptor)],
                    cwd=self._state,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    start_new_session=True,
                    pass_fds=(descriptor,),
                    env=passed_on(self._environment, work.secrets) | thread_limits(work.cpu, self._environment),
                )
        except OSError as error:
            raise LongspanError(f"cannot start a worker: {error}", at=slot.unit) from error
        finally:
            os.close(descriptor)
        if self._most_bytes:
            with contextlib.suppress(ProcessLookupError):  # a model of 50 GB is its own end, not the machine's
                resource.prlimit(child.pid, resource.RLIMIT_DATA, (self._most_bytes, self._most_bytes))
        if unit.memory_bytes:
            self._guard.hold(slot.replica, child.pid, hard_limit(unit.memory_bytes))
        self._children[slot.replica] = child
        self._watch(child.pid)

    def _orders(self, slot: Slot, work: Work) -> Orders:
        def relative(path: Path) -> str:
            return str(path.relative_to(self._state))

        return Orders(
            replica=slot.replica,
            generation=slot.generation,
            slot=slot.slot,
            digest=slot.digest,
            work=work,
            code_path=relative(self._vault.code(work.code)) if work.code else "",
            model_paths={model.name: relative(self._vault.model(model.digest)) for model in work.models},
            socket=socket_of(slot.unit, slot.slot),
            lock=relative(self._path(slot, "lock")),
            load=relative(self._path(slot, "load")),
            graphs="cache/graphs",
            ids=relative(self._path(slot, "ids")),
            port=slot.port,
            egress=self._egress if work.calls else "",
        )

    def _port(self, slot: Slot, work: Work) -> int:
        """The slot's own, unless somebody else has taken it meanwhile; 0 for what listens on the slot's socket."""
        if work.server is None or not work.server.port:
            return 0
        if slot.port and is_free(slot.port):
            return slot.port
        return choose({other.port for other in self._ledger.slots()})

    def _door(self, slot: Slot) -> Path:
        """Where its process answers the handshake: a server of somebody else's knows none, its keeper does."""
        keeper = self._path(slot, "keeper.sock")
        return keeper if keeper.exists() else self._path(slot, "sock")

    def _signal(self, replica: Replica, number: signal.Signals) -> None:
        # The lock is asked again, so that a pid that has gone to somebody else is never signalled.
        pid = holder(self._path(replica.slot, "lock"))
        if pid is not None and pid == replica.pid:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)

    def _path(self, slot: Slot, suffix: str) -> Path:
        return self._state / "run" / slot.unit / f"{slot.slot}.{suffix}"


def _errand(work: Work, orders: str, secrets: int) -> list[str]:
    """What the process is told: to be a worker, or to keep a server of somebody else's, which is given no secrets."""
    return ["keep", orders] if work.server is not None else ["run", orders, "--secrets", str(secrets)]
