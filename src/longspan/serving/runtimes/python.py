"""Steps in Python: ``module:attribute``. Stub: signatures first, bodies follow."""

from __future__ import annotations

from longspan.serving.runtimes import Runnable
from longspan.wire.orders import PartialSignature, StepWork


def describe(run: str) -> PartialSignature:
    """Import the module and read the annotations; nothing of the step runs. Raises `LongspanError` in one line."""
    raise NotImplementedError


def load(step: StepWork, secrets: dict[str, str]) -> Runnable:
    """The step, made (a class gets its settings, secrets in place) and wrapped. Raises `LongspanError`."""
    raise NotImplementedError
