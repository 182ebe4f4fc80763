"""How large may the file grow that a process writes its output to?

Whatever a step prints, in Python, below it or in a process of its own, goes to that file by a descriptor that was
opened for appending; nobody stands between, so no last line is lost in a crash. Therefore the file is cut from beside:
its end is put aside as ``NAME.1``, in place of the one before it, and it begins anew. Control does so on its ticks; a
process that watches its own is quick enough for a step that prints a gigabyte.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import stat

MOST_BYTES = 64 << 20
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
                left_out = _aside(log, f"{name or path}.1", most)
                os.ftruncate(log, 0)
                if left_out:
                    os.write(log, b"%d bytes of output were left out here: it came too fast\n" % left_out)
                return True
        return False
    finally:
        os.close(log)


def _aside(log: int, path: str, most: int) -> int:
    """Copy the end of `log` to `path`, with what is still written meanwhile. Returns how many bytes are left out."""
    beside, begin, at = f"{path}.new", 0, 0
    try:
        aside = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        try:
            for _ in range(_PASSES):
                os.ftruncate(aside, os.lseek(aside, 0, os.SEEK_SET))
                # Somewhat more than it should have grown to is no reason to lose lines.
                begin = at = max(0, os.fstat(log).st_size - most - most // 2)
                end = begin + 2 * most
                while (left := end - at) and (sent := os.sendfile(aside, log, at, min(_PIECE_BYTES, left))):
                    at += sent
                if left:
                    break  # else it was written faster than we copied: that is not its end
        finally:
            os.close(aside)
        os.rename(beside, path)
    except OSError:
        # Such as a disk that is full: room matters more than old lines.
        with contextlib.suppress(OSError):
            os.unlink(beside)
        begin = at = 0
    # What comes between this and the cut is not known to anybody.
    return begin + os.fstat(log).st_size - at


def cut_own(descriptor: int = 2) -> bool:
    """The same for the file that this process writes to, wherever it stands by now. Never raises."""
    try:
        seen = os.fstat(descriptor)
        if seen.st_size < MOST_BYTES or not stat.S_ISREG(seen.st_mode):
            return False
        path = f"/proc/self/fd/{descriptor}"
        return cut(path, os.readlink(path))
    except OSError:
        return False
