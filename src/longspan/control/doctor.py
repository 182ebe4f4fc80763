"""What of this machine could keep Longspan from running here, and the remedy for each."""

from __future__ import annotations

import os
import platform
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

from longspan import __version__
from longspan.base.errors import LongspanError
from longspan.capabilities.gateway import adapters as gateway
from longspan.client.messages import Finding
from longspan.system.locks import holder

_GLIBC = (2, 31)
_FREE_BYTES = 1 << 30


def examine(file: Path, state: Path) -> tuple[Finding, ...]:
    """Look at each thing once; nothing is changed."""
    return tuple(_findings(file, state))


def _findings(file: Path, state: Path) -> Iterator[Finding]:
    yield Finding(name="longspan", ok=True, detail=__version__)
    python = sys.version_info
    yield Finding(
        name="python",
        ok=python >= (3, 11),
        detail=platform.python_version(),
        remedy="" if python >= (3, 11) else "Longspan needs Python 3.11 or newer",
    )
    yield _platform()
    yield _envoy()
    yield Finding(name="file", ok=True, detail=file.name if file.is_file() else f"no {file.name} here: longspan init")
    yield _state(state)
    free = shutil.disk_usage(state if state.exists() else file.parent).free
    yield Finding(
        name="disk",
        ok=free > _FREE_BYTES,
        detail=f"{free >> 20} MiB free",
        remedy="" if free > _FREE_BYTES else "Free some space: the vault keeps a copy of each model",
    )


def _platform() -> Finding:
    library, version = platform.libc_ver()
    known = platform.system() == "Linux" and platform.machine() in ("x86_64", "aarch64") and library == "glibc"
    ok = known and tuple(int(part) for part in version.split(".")[:2]) >= _GLIBC
    return Finding(
        name="platform",
        ok=ok,
        detail=f"{platform.system()} {platform.machine()} {library} {version}",
        remedy="" if ok else "Longspan runs on Linux x86_64 and aarch64 with glibc 2.31 or newer",
    )


def _envoy() -> Finding:
    try:
        return Finding(name="envoy", ok=True, detail=gateway.find_envoy())
    except LongspanError as error:
        return Finding(name="envoy", ok=False, detail=error.problem, remedy=error.remedy)


def _state(state: Path) -> Finding:
    if not state.exists():
        return Finding(name="state", ok=True, detail=f"{state.name}: none yet")
    if state.stat().st_mode & 0o077 or state.stat().st_uid != os.getuid():
        return Finding(
            name="state", ok=False, detail=f"{state.name} is open to others", remedy=f"chmod 700 {state.name}, chown"
        )
    pid = holder(state / "lock")
    return Finding(name="state", ok=True, detail=f"held by control, pid {pid}" if pid else "no control runs")
