"""The one HTTP client: control's API over its socket, and the gateway over TCP.

`unix_get` and `unix_request` are for whoever asks one question of a process on this machine.
"""

from __future__ import annotations

from longspan.client.connection import unix_get, unix_request

__all__ = ["unix_get", "unix_request"]
