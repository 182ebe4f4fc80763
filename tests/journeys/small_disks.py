"""A disk of a few megabytes for whoever works in one thread: mounted there alone, gone with the last that uses it.

Namespaces of mounts belong to threads, and a child starts in that of the thread it was forked by. So what a test does
within `small_disk` meets the small disk, its commands included, and nobody else on the machine sees it.
"""

from __future__ import annotations

import ctypes
import errno
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

_CLONE_NEWNS = 0x00020000
_MS_REC, _MS_PRIVATE = 1 << 14, 1 << 18
_FORBIDDEN = (errno.EPERM, errno.EACCES)

_Given = TypeVar("_Given")


class NoDisk(Exception):
    """A disk cannot be mounted here: that takes CAP_SYS_ADMIN. No other part of the house does."""


def on_a_small_disk(folder: Path, size_bytes: int, work: Callable[[], _Given]) -> _Given:
    """What `work` returns, called in a thread for which `folder` is an empty tmpfs. Raises `NoDisk`, or as `work`."""

    def mounted() -> _Given:
        libc = ctypes.CDLL(None, use_errno=True)
        _done(libc.unshare(_CLONE_NEWNS))
        _done(libc.mount(b"none", b"/", None, _MS_REC | _MS_PRIVATE, None))
        _done(libc.mount(b"tmpfs", os.fsencode(folder), b"tmpfs", 0, b"mode=700,size=%d" % size_bytes))
        return work()

    # A thread of its own, which is not used again.
    with ThreadPoolExecutor(1) as alone:
        return alone.submit(mounted).result()


def _done(answer: int) -> None:
    if answer:
        error = ctypes.get_errno()
        raise NoDisk(os.strerror(error)) if error in _FORBIDDEN else OSError(error, os.strerror(error))
