"""How is a connection to the gateway opened, whatever its address, within the time that is left?

Moments are `time.monotonic`. Looking up a host's name cannot be interrupted; everything else is.
"""

from __future__ import annotations

import contextlib
import os
import socket
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from longspan.client.address import Address

if TYPE_CHECKING:
    import ssl

LONGEST_WAIT = 1e6
"""Seconds; a socket takes no more."""
# sun_path of struct sockaddr_un holds 108 bytes with its end (Linux, unix(7)).
_SOCKET_PATH_BYTES = 107


def connected(address: Address, until: float, tls: ssl.SSLContext | None) -> socket.socket:
    """`tls`: needed where the address says https. Raises `OSError`, `TimeoutError` among them, and `ValueError`."""
    if address.socket:
        with within_reach(address.socket) as path:
            return _opened(socket.AF_UNIX, path, until)
    wire = _opened_to_any(address, until)
    try:
        wire.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if address.tls and tls is not None:
            wire.settimeout(left(until))
            return tls.wrap_socket(wire, server_hostname=address.host)
    except BaseException:
        wire.close()
        raise
    return wire


def _opened_to_any(address: Address, until: float) -> socket.socket:
    """A connection to the first of the host's addresses that takes one: all of them within one time."""
    error: OSError = OSError("the host has no address")
    for family, _, _, _, where in socket.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM):
        try:
            return _opened(family, where, until)
        except OSError as refused:
            error = refused
    raise error


def _opened(family: int, where: Any, until: float) -> socket.socket:
    wire = socket.socket(family, socket.SOCK_STREAM)
    try:
        wire.settimeout(left(until))
        wire.connect(where)
    except BaseException:
        wire.close()
        raise
    return wire


@contextlib.contextmanager
def within_reach(path: str) -> Iterator[str]:
    """A name under which a socket file can be connected to, however long its path is."""
    if len(os.fsencode(path)) <= _SOCKET_PATH_BYTES:
        yield path
        return
    folder = os.open(os.path.dirname(path), os.O_PATH)
    try:
        yield f"/proc/self/fd/{folder}/{os.path.basename(path)}"
    finally:
        os.close(folder)


def machines_tls() -> ssl.SSLContext:
    """The machine's own certificates decide. Reading them takes milliseconds, so this is kept."""
    import ssl  # one gateway in many has TLS

    return ssl.create_default_context()


def left(until: float) -> float:
    """Seconds. Raises `TimeoutError` when there are none."""
    seconds = until - time.monotonic()
    if seconds <= 0:
        raise TimeoutError
    return min(seconds, LONGEST_WAIT)
