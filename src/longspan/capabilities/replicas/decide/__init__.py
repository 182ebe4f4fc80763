"""What is true of each replica, and what is safe to do about it now?

Pure: values in, values out. `sight` tells what a slot's state is, `trip` gives the moves of one trip and where requests
may go, `memory` says which replica has grown too large to stay, `silence` which one hangs, `granted` what a unit's
share of the machine means for its processes.
"""

from __future__ import annotations

from longspan.capabilities.replicas.decide.granted import hard_limit, thread_limits
from longspan.capabilities.replicas.decide.memory import Weight, weigh
from longspan.capabilities.replicas.decide.sight import (
    CALM,
    CRASH_LOOP_AT,
    SECOND,
    SPAWN_GRACE,
    Sight,
    back_off,
    look,
    remembered,
)
from longspan.capabilities.replicas.decide.silence import Ask, Silence, conclude, listen
from longspan.capabilities.replicas.decide.trip import Drain, Forget, Kill, Move, Start, Trip, socket_of, trip

__all__ = [
    "CALM", "CRASH_LOOP_AT", "SECOND", "SPAWN_GRACE", "Ask", "Drain", "Forget", "Kill", "Move", "Sight", "Silence",
    "Start", "Trip", "Weight", "back_off", "conclude", "hard_limit", "listen", "look", "remembered", "socket_of",
    "thread_limits", "trip", "weigh",
]  # fmt: skip
