"""POSIX record locks: who lives, told by the kernel.

A lock vanishes with its process, a forked child does not keep it, a zombie does not fake it, and
F_GETLK names the holder. The trap: closing *any* descriptor of the file drops the lock of the closing
process, so a holder opens its lock file once; asking from another process is harmless.

Source: POSIX.1-2017, fcntl(); fcntl_locking(2).
"""

from __future__ import annotations

import fcntl
import os
import struct
from pathlib import Path

# struct flock on 64-bit Linux: type, whence, start, length, pid.
_FLOCK = struct.Struct("hhqqi4x")


def holder(path: Path) -> int | None:
    """The pid that holds the lock of `path`, or None. Never ask for a lock of your own process."""
    try:
        descriptor = os.open(path, os.O_RDWR)
    except OSError:
        return None
    try:
        asked = _FLOCK.pack(fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)
        kind, _, _, _, pid = _FLOCK.unpack(fcntl.fcntl(descriptor, fcntl.F_GETLK, asked))
    finally:
        os.close(descriptor)
    return pid if kind != fcntl.F_UNLCK else None


def take(path: Path) -> int | None:
    """Take the lock of `path` for the life of this process: its descriptor, or None when another has it."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        return None
    return descriptor
