"""How large may the file grow that a process writes its output to?

Whatever a step prints, in Python, below it or in a process of its own, goes to that file by a descriptor that was
opened for appending; nobody stands between, so no last line is lost in a crash. A process that watches its own goes on
in a new file (`Own`), and is quick enough for a step that prints a gigabyte. Who cannot, such as a server of somebody
else's, has its file cut from beside by control, on its ticks (`cut`): its end is copied. Either way what was stands as
``NAME.1``, in place of the one before it.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import stat

MOST_BYTES = 64 << 20
_STDOUT, _STDERR = 1, 2
_PIECE_BYTES = 4 << 20
_PASSES = 8


def cut(path: str, name: str = "", most: int = MOST_BYTES) -> bool:
    """Put `path` aside when it has grown to `most` bytes, of a larger one the end, at most twice as many; was it so?

    `name`: what it is called, when `path` is a descriptor's. What did not fit is counted in the file's first line.
    Raises `OSError`.
    """
    log = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CLOEXEC)
    try:
        # A record lock: a child that is forked meanwhile does not keep it.
        with contextlib.suppress(BlockingIOError):
            fcntl.lockf(log, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.fstat(log).st_size >= most:
                left_out = _moved(log, f"{name or path}.1", most)
                if left_out:
                    os.write(log, b"%d bytes of output were left out here: it came too fast\n" % left_out)
                return True
        return False
    finally:
        os.close(log)


def _moved(log: int, path: str, most: int) -> int:
    """Move the end of `log` to `path`, with what is still written meanwhile. Returns how many bytes are in neither."""
    beside, begin, at, end = f"{path}.new", 0, 0, 0
    try:
        aside = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        try:
            for _ in range(_PASSES):
                os.ftruncate(aside, os.lseek(aside, 0, os.SEEK_SET))
                # Somewhat more than it should have grown to is no reason to lose lines.
                begin = max(0, os.fstat(log).st_size - most - most // 2)
                end = begin + 2 * most
                at = _copied(log, aside, begin, end)
                if at < end:
                    break  # else it was written faster than we copied: that is not its end
            os.rename(beside, path)
            at = _copied(log, aside, at, end)
        finally:
            os.close(aside)
    except OSError:
        # Such as a disk that is full: room matters more than old lines.
        with contextlib.suppress(OSError):
            os.unlink(beside)
        begin = at = 0
    # What comes between the last look and the cut is not known to anybody, so nothing stands between them.
    size = os.fstat(log).st_size
    os.ftruncate(log, 0)
    return begin + size - at


def _copied(log: int, aside: int, at: int, end: int) -> int:
    """Append what stands in `log` from `at` on to `aside`, up to `end`. Returns how far it came."""
    while at < end and (sent := os.sendfile(aside, log, at, min(_PIECE_BYTES, end - at))):
        at += sent
    return at


class Own:
    """The file that this process writes to, wherever it stands by now.

    It goes on in a new one, which takes the place of the old by rename: so not one line is lost, the last one before a
    crash least of all. What a child of its own goes on printing into the old one is bounded, too.
    """

    def __init__(self) -> None:
        self._old: int | None = None
        """A descriptor of the file before this one."""

    def look(self) -> None:
        """Go on in a new file when this one has grown to `MOST_BYTES`. Never raises."""
        with contextlib.suppress(OSError):
            if self._old is not None and os.fstat(self._old).st_size > 3 * MOST_BYTES:
                os.ftruncate(self._old, 0)
            seen = os.fstat(_STDERR)
            if stat.S_ISREG(seen.st_mode) and seen.st_size >= MOST_BYTES:
                path = os.readlink(f"/proc/self/fd/{_STDERR}")
                try:
                    self._go_on(path, seen.st_ino)
                except OSError:  # no room for another file, say: then this one must do
                    cut(f"/proc/self/fd/{_STDERR}", path)

    def _go_on(self, path: str, inode: int) -> None:
        log = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        try:
            fcntl.lockf(log, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.fstat(log).st_ino != inode:
                return  # it has been put aside already
            fresh = os.open(f"{path}.fresh", os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND | os.O_CLOEXEC, 0o600)
            try:
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(f"{path}.1.new")
                os.link(path, f"{path}.1.new")
                os.rename(f"{path}.1.new", f"{path}.1")
                os.rename(f"{path}.fresh", path)
                for descriptor in (_STDOUT, _STDERR):
                    if os.fstat(descriptor).st_ino == inode:
                        os.dup2(fresh, descriptor)
                if os.fstat(log).st_size > 2 * MOST_BYTES and (left_out := _moved(log, f"{path}.1", MOST_BYTES)):
                    os.write(fresh, b"%d bytes of output were left out here: it came too fast\n" % left_out)
            finally:
                os.close(fresh)
            if self._old is not None:
                os.close(self._old)
            self._old = os.dup(log)
        finally:
            os.close(log)
