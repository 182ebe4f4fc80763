"""Eyes and hands of scaling: the load pages between two ticks, the ledger's counts, and the table of what happened."""

from __future__ import annotations

from longspan.capabilities.scaling.adapters.history import History
from longspan.capabilities.scaling.adapters.scaler import Scaler

__all__ = ["History", "Scaler"]
