"""The one HTTP client, and its door: `Control` over its socket, `Gateway` over TCP.

`unix_get` and `unix_request` are for whoever asks one question of a process on this machine. Every call
has a limit for time and size, and none is tried twice.
"""

from __future__ import annotations

from longspan.client.connection import unix_get, unix_request
from longspan.client.control import Control, NotRunning
from longspan.client.gateway import Gateway, Reply, Stream

__all__ = ["Control", "Gateway", "NotRunning", "Reply", "Stream", "unix_get", "unix_request"]
