"""Take Envoy's lock, then become Envoy: ``python launch.py LOCK ENVOY ARGUMENT...``

A POSIX lock belongs to the process and survives exec, as long as no descriptor of its file is closed:
hence the inheritable one, which nothing after this knows. Run by its path, without our package, so that
Envoy is back as soon as it can be.
"""

from __future__ import annotations

import fcntl
import os
import resource
import sys


def main(lock: str, program: str, *arguments: str) -> None:
    """Exits 1 when another process holds `lock`."""
    descriptor = os.open(lock, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        sys.exit(f"{lock} is held by another process: Envoy runs already")
    os.set_inheritable(descriptor, True)
    # Each request may need two descriptors; the usual 1024 would end at 500 callers.
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    os.execv(program, ["envoy", *arguments])  # noqa: S606


if __name__ == "__main__":
    main(*sys.argv[1:])
