"""How many replicas shall a unit have, and why? Values in, a count and its reason out.

Pure: nothing here reads a clock, a page or a ledger, so any moment of the past can be replayed. `sight` makes what was
seen of load pages; `window` holds what of it counts; `needs` says what each signal asks for, `queueing` what a wait
asks for; `limits` and `lessons` bound it; `conclude` decides; `state` is one tick of all that. `history` thins what is
written down, `explain` tells it again, `replay` asks what another policy would have done.
"""

from __future__ import annotations

from longspan.capabilities.scaling.decide.conclude import Case, decide
from longspan.capabilities.scaling.decide.limits import Budget, Room
from longspan.capabilities.scaling.decide.sight import Nature, sight
from longspan.capabilities.scaling.decide.state import State, step
from longspan.capabilities.scaling.decide.values import Decision, Lesson, Seen
from longspan.capabilities.scaling.decide.window import Window, remember

__all__ = [
    "Budget", "Case", "Decision", "Lesson", "Nature", "Room", "Seen", "State", "Window", "decide", "remember", "sight",
    "step",
]  # fmt: skip
