"""How many connections to the server are open? Read from the kernel's tables: nobody else knows for every server.

An accepted socket carries the name that the listening one was bound to, whatever has become of the file since.

Sources: Linux, net/unix/af_unix.c (`unix_seq_show`) and Documentation/networking/proc_net_tcp.rst.
"""

from __future__ import annotations

_LISTENS = 0x10000  # __SO_ACCEPTCON
_UNDER_WAY = (2, 3)  # SS_CONNECTING: stands in the backlog; SS_CONNECTED
_BUSY = ("01", "03")  # ESTABLISHED, SYN_RECV. One that the client has closed (CLOSE_WAIT) is owed nothing


def opened(address: str) -> int:
    """Open connections to `address`: ``127.0.0.1:PORT``, or the path that the server has bound, byte by byte."""
    _, _, port = address.rpartition(":")
    if "/" in address:
        return on_socket(_read("/proc/net/unix"), address)
    return sum(on_port(_read(table), int(port)) for table in ("/proc/net/tcp", "/proc/net/tcp6"))


def on_socket(table: str, path: str) -> int:
    """In the text of ``/proc/net/unix``: columns are number, references, protocol, flags, type, state, inode, path."""
    found = 0
    for line in table.splitlines()[1:]:
        columns = line.split(maxsplit=7)
        if len(columns) == 8 and columns[7] == path:
            found += not int(columns[3], 16) & _LISTENS and int(columns[5], 16) in _UNDER_WAY
    return found


def on_port(table: str, port: int) -> int:
    """In the text of ``/proc/net/tcp`` or ``tcp6``: connections whose near end is `port`."""
    end = f":{port:04X}"
    found = 0
    for line in table.splitlines()[1:]:
        columns = line.split(maxsplit=4)
        found += len(columns) > 3 and columns[1].endswith(end) and columns[3] in _BUSY
    return found


def _read(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="surrogateescape") as table:
            return table.read()
    except OSError:
        return ""
