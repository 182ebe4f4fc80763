"""A replica's place: the lock that says who lives here, and the socket where it is found.

The lock is a POSIX record lock (`fcntl.lockf`): it goes with the process, F_GETLK names its holder, and a forked
child does not keep it. Closing any descriptor of the file would drop it, so the file is opened once and kept. The
socket is bound beside its name and renamed over it only when the worker is ready, so a client that finds it is
answered.
"""

from __future__ import annotations

import fcntl
import os
import socket
import struct

from longspan.base.errors import LongspanError, Refused

BACKLOG = 1024
"""Connections that may wait to be accepted."""
_FLOCK = "hhqqi0q"
"""Linux `struct flock` on 64-bit machines: type, whence, start, length, pid."""


def take(path: str) -> int:
    """Hold the slot: the descriptor of the locked file, not inheritable. Never close it.

    Raises `Refused` when another process holds it, naming its pid, `LongspanError` when it cannot be made.
    """
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise LongspanError(f"cannot be locked: {error.strerror}", at=path, remedy="Is the disk full?") from None
    try:
        fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        pid = holder(descriptor)
        os.close(descriptor)
        raise Refused(
            f"the slot is held by {f'pid {pid}' if pid else 'another process'}",
            at=path,
            remedy="A slot has one replica at a time; stop that one first",
        ) from None
    return descriptor


def holder(descriptor: int) -> int | None:
    """Pid of the process that holds the lock; None when nobody does."""
    asked = struct.pack(_FLOCK, fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)
    kind, _, _, _, pid = struct.unpack(_FLOCK, fcntl.fcntl(descriptor, fcntl.F_GETLK, asked))
    return None if kind == fcntl.F_UNLCK else int(pid)


class Listening:
    """The socket of the slot, as long as it is ours."""

    def __init__(self, path: str) -> None:
        """Bind and listen under a temporary name. Raises `LongspanError` when the system does not let us."""
        self.path = path
        self._beside = f"{path}.new"
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            os.makedirs(os.path.dirname(path) or ".", mode=0o700, exist_ok=True)
            _remove(self._beside)
            self.socket.bind(self._beside)
            os.chmod(self._beside, 0o600)
            self.socket.listen(BACKLOG)
            self.socket.setblocking(False)
            self._inode = os.stat(self._beside).st_ino
        except OSError as error:
            self.socket.close()
            raise LongspanError(
                f"cannot listen: {error}", at=path, remedy="The path must be under 100 bytes, its folder writable"
            ) from None

    @property
    def names(self) -> tuple[str, str]:
        """What it is called; the kernel knows it, and each connection to it, by the one it was bound under."""
        return self._beside, self.path

    def publish(self) -> None:
        """Rename it over the slot's path: from now on clients find it."""
        os.rename(self._beside, self.path)

    def withdraw(self) -> None:
        """Take the name away, if it still leads to us. Who has connected already can still be accepted."""
        for path in (self.path, self._beside):
            try:
                if os.stat(path).st_ino == self._inode:
                    os.unlink(path)
            except FileNotFoundError:
                continue


def _remove(path: str) -> None:
    try:
        os.unlink(path)
    except FileNotFoundError:
        return
