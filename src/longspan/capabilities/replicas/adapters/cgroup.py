"""May the kernel hold our replicas to their memory? Only where somebody has given us a cgroup to divide.

A cgroup of version 2 with the memory controller is delegated to a user by whoever owns it (systemd: ``Delegate=yes``).
Then each replica with a budget lives in a cgroup of its own. Everywhere else replicas over their budget are seen and
replaced, and nothing more: ``status`` says which of the two it is.

Source: Linux, Documentation/admin-guide/cgroup-v2.rst ("Delegation", "No Internal Process Constraint", "Memory").
"""

from __future__ import annotations

import contextlib
import logging
import os
from pathlib import Path
from typing import Literal

_log = logging.getLogger(__name__)

_HOME = "control"


class MemoryGuard:
    """One folder of the cgroup file system to divide among replicas; None: there is none."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder

    @property
    def kind(self) -> Literal["watched", "cgroup"]:
        """How replicas are held to their memory, as `status` says it."""
        return "watched" if self._folder is None else "cgroup"

    def hold(self, replica: str, pid: int, limit_bytes: int) -> None:
        """Put a process that was just started into the cgroup of that replica."""
        if self._folder is None:
            return
        group = self._folder / f"longspan-{replica}"
        try:
            group.mkdir(exist_ok=True)
            (group / "memory.max").write_text(str(limit_bytes))
            (group / "cgroup.procs").write_text(str(pid))
        except OSError as error:
            # It is watched all the same.
            _log.warning("%s is not held to its memory by the kernel: %s", replica, error)

    def release(self, replica: str) -> None:
        """Remove the cgroup of a replica that is gone."""
        if self._folder is not None:
            with contextlib.suppress(OSError):
                (self._folder / f"longspan-{replica}").rmdir()


def delegated(own: str = "/proc/self/cgroup", mount: str = "/sys/fs/cgroup") -> MemoryGuard:
    """The guard of this process's own cgroup, when that may be divided.

    A cgroup that is divided may hold no process itself, so control moves into one below it. Whoever else lives there
    (a shell, say) keeps the kernel from dividing it: then control moves back, and nothing has changed.
    """
    lines = Path(own).read_text().splitlines() if Path(own).exists() else []
    inside = next((line.removeprefix("0::/") for line in lines if line.startswith("0::/")), None)
    if inside is None:
        return MemoryGuard(None)
    folder = Path(mount, inside)
    if folder.name == _HOME:  # a control before us has moved the whole family here
        folder = folder.parent
    return MemoryGuard(folder if _divided(folder) else None)


def _divided(folder: Path) -> bool:
    try:
        if "memory" not in (folder / "cgroup.controllers").read_text().split():
            return False
        if "memory" in (folder / "cgroup.subtree_control").read_text().split():
            return os.access(folder, os.W_OK)
        home = folder / _HOME
        home.mkdir(exist_ok=True)
        (home / "cgroup.procs").write_text(str(os.getpid()))
    except OSError:
        return False
    try:
        (folder / "cgroup.subtree_control").write_text("+memory")
    except OSError:
        with contextlib.suppress(OSError):
            (folder / "cgroup.procs").write_text(str(os.getpid()))
            home.rmdir()
        return False
    return True
