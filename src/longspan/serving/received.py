"""What a process that serves is told, and who it says it is: the same for a worker and for a keeper."""

from __future__ import annotations

import os

import msgspec

from longspan import __version__
from longspan.base.errors import LongspanError
from longspan.wire.orders import Identity, Orders, decode_orders


def read_orders(path: str) -> Orders:
    """The orders in a file. Raises `LongspanError` when it holds none."""
    try:
        with open(path, "rb") as file:
            return decode_orders(file.read())
    except OSError as error:
        raise LongspanError(f"cannot be read: {error.strerror}", at=path) from None
    except msgspec.MsgspecError as error:
        raise LongspanError(f"holds no orders of this version: {error}", at=path) from None


def identity(orders: Orders) -> Identity:
    """What the handshake is answered with: who this process is, and that it is ready."""
    return Identity(
        replica=orders.replica,
        unit=orders.work.unit,
        generation=orders.generation,
        digest=orders.digest,
        build=__version__,
        pid=os.getpid(),
        state="ready",
    )
