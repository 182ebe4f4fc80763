"""The scaler in the model: control's own way from load pages to a count, tick by tick, with nothing around it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from longspan.base.errors import LongspanError
from longspan.capabilities.scaling.decide import State, sight, step
from longspan.spec.scaling import Policy, load_policy
from longspan.system.records import Sample
from longspan.wire.load import Load


class PolicyScaler:
    """Decides as control does under `policy`. Made anew for each run: it remembers what it saw."""

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self._state = State()
        self._pages: dict[str, Load] = {}
        self._at = 0

    def __call__(self, at: int, samples: Sequence[Sample], replicas: int) -> tuple[int, str]:
        span = (at - self._at) / 1e9
        seen = sight(self._pages, samples, at=at, span=span, wanted=replicas, ready=len(samples))
        self._pages, self._at = {sample.replica: sample.load for sample in samples}, at
        self._state, decision = step(self._state, seen, self._policy, replicas)
        return decision.replicas, decision.reason


def read_policy(path: Path) -> Policy:
    """A `scaling:` section, or what stands under one, from a file of its own; as `longspan scaling replay` reads it.

    Raises `Invalid` with every complaint and its position, `LongspanError` for a file that is not there.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise LongspanError(f"cannot be read: {error.strerror}", at=str(path)) from None
    return load_policy(content, str(path))
