"""Eyes and hands of the gateway on this machine.

`envoy` sees and moves the process, `admin` reads its admin socket, `ports` knows who holds a TCP port,
`launch` is the small program that takes the lock and becomes Envoy.
"""

from __future__ import annotations

from longspan.capabilities.gateway.adapters.envoy import Envoy, find_envoy
from longspan.capabilities.gateway.adapters.ports import choose_port, refuse_taken
from longspan.capabilities.gateway.decide.paths import EGRESS_SOCKET

__all__ = ["EGRESS_SOCKET", "Envoy", "choose_port", "find_envoy", "refuse_taken"]
