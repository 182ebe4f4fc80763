"""Which loopback port does a server get that listens on none of our sockets?

One that is free, and that the kernel does not hand out by itself: outgoing connections take theirs from
``ip_local_port_range``, and one of them could have it just when the server comes back.
"""

from __future__ import annotations

import random
import socket
from collections.abc import Container
from pathlib import Path

from longspan.base.errors import Missing

LOWEST, HIGHEST = 15_000, 32_000
TRIES = 200
_RANGE = Path("/proc/sys/net/ipv4/ip_local_port_range")


def choose(taken: Container[int]) -> int:
    """A port of 127.0.0.1 that is free now and not in `taken`. Raises `Missing` when none is found."""
    lowest, highest = _handed_out()
    for _ in range(TRIES):
        port = random.randrange(LOWEST, HIGHEST)  # noqa: S311  # a place, not a secret
        if not lowest <= port <= highest and port not in taken and is_free(port):
            return port
    raise Missing(f"no port from {LOWEST} to {HIGHEST} is free", remedy="Let the server listen on {socket}")


def is_free(port: int) -> bool:
    """Could a server listen on 127.0.0.1:`port` now?"""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # Connections that have ended do not hold it; servers say the same.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _handed_out() -> tuple[int, int]:
    try:
        lowest, highest = _RANGE.read_text().split()
        return int(lowest), int(highest)
    except (OSError, ValueError):
        return 0, 0
