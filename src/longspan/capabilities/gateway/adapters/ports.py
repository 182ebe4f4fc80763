"""Is a TCP port of 127.0.0.1 free, and if not, who holds it?

Source: proc_net_tcp (Linux, Documentation/networking): addresses and ports in hexadecimal, state 0A listens.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path

from longspan.base.errors import Missing

_LISTENS = "0A"
# Callers of 127.0.0.1 reach these: 127.0.0.1, 0.0.0.0, ::, ::ffff:127.0.0.1, as the kernel prints them.
_LOOPBACK = {"0100007F", "00000000", "0" * 32, "0000000000000000FFFF00000100007F"}


def choose_port() -> int:
    """A port that is free now. The caller keeps it, so that the next start finds the same."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def refuse_taken(port: int) -> None:
    """Raises `Missing` that names who listens on 127.0.0.1:`port`."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # Connections that have ended do not hold the port; who listens does, since we do not say reuse_port.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
            return
        except PermissionError:
            raise Missing(
                f"port {port} is not for ordinary users", at="gateway.port", remedy="Choose one from 1024 on"
            ) from None
        except OSError:
            held_by = holder(port) or "a process that this user may not see"
    raise Missing(
        f"port {port} is in use by {held_by}",
        at="gateway.port",
        remedy="Stop it, or choose another port (0 takes a free one)",
    )


def holder(port: int) -> str:
    """``pid 123 (its command)`` of who listens on `port`; empty when that cannot be seen."""
    tables = [_read("/proc/net/tcp"), _read("/proc/net/tcp6")]
    sockets = {f"socket:[{inode}]" for table in tables for inode in _listeners(table, port)}
    for folder in sorted(Path("/proc").glob("[0-9]*"), key=lambda one: int(one.name)):
        if sockets & set(_open(folder / "fd")):
            command = _read(f"{folder}/cmdline").replace("\0", " ").strip()
            return f"pid {folder.name} ({command[:80] or 'no command line'})"
    return ""


def _listeners(table: str, port: int) -> Iterator[str]:
    """Inodes of the sockets in one of /proc/net's tables that listen on `port` where loopback reaches them."""
    for line in table.splitlines()[1:]:
        _, local, _, state, *rest = line.split()
        address, _, number = local.partition(":")
        if state == _LISTENS and int(number, 16) == port and address in _LOOPBACK:
            yield rest[5]


def _open(folder: Path) -> Iterator[str]:
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                yield os.readlink(entry.path)
    except OSError:
        return


def _read(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
