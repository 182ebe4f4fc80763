"""Real files of this machine, of as many kinds as it has: what the file-type example is fed with."""

from __future__ import annotations

import itertools
import os
import sysconfig
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

MOST_LOOKED_AT = 150_000
MOST_BYTES = 4 << 20
LEAST_BYTES = 64
ENDINGS = 80
"""The commonest ones; what is rarer than these is mostly a number of a version."""


def real_files(count: int, each: int = 12) -> list[Path]:
    """Up to `count` readable regular files, at most `each` of one ending, endings taking turns.

    The same machine gives the same list. Looked through are Python's own folders and what nearly every
    Linux has; nothing that belongs to a user, and no more than `MOST_LOOKED_AT` names.
    """
    places = [Path(sysconfig.get_path(name)) for name in ("stdlib", "platstdlib", "purelib", "scripts", "include")]
    places += [Path(place) for place in ("/usr/share", "/usr/lib", "/usr/bin", "/etc/ssl/certs", "/usr/include")]
    by_ending: dict[str, list[Path]] = defaultdict(list)
    seen: set[tuple[int, int]] = set()
    for path in itertools.islice(_walk(places), MOST_LOOKED_AT):
        ending = path.suffix.lower() or "none"
        if len(by_ending[ending]) < each and (identity := _fit(path)) and identity not in seen:
            seen.add(identity)
            by_ending[ending].append(path)
    common = sorted(by_ending, key=lambda ending: (-len(by_ending[ending]), ending))[:ENDINGS]
    turns = itertools.zip_longest(*(by_ending[ending] for ending in common))
    return [path for turn in turns for path in turn if path is not None][:count]


def _walk(places: list[Path]) -> Iterator[Path]:
    done: set[Path] = set()
    for place in places:
        for folder, inner, names in os.walk(place):
            inner.sort()
            here = Path(folder)
            if here in done:
                inner.clear()
                continue
            done.add(here)
            yield from (here / name for name in sorted(names))


def _fit(path: Path) -> tuple[int, int] | None:
    """The identity of a plain file of a middling size that may be read; else None."""
    try:
        status = path.lstat()
    except OSError:
        return None
    plain = (status.st_mode & 0o170000) == 0o100000 and LEAST_BYTES <= status.st_size <= MOST_BYTES
    return (status.st_dev, status.st_ino) if plain and os.access(path, os.R_OK) else None
