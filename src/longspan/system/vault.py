"""Content-addressed copies of the code and models that generations refer to.

`vault/code/DIGEST/` is a tree of step code, `vault/models/DIGEST` the file of a model. A name in the
vault appears by one rename after its content is on the disk, so it is whole or not there at all.
Nothing in the vault ever changes; replicas run from here, never from the folder that people edit.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import shutil
import stat
import threading
from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from pathlib import Path, PurePosixPath

import msgspec
from pathspec import GitIgnoreSpec

from longspan.base.errors import LongspanError, Refused
from longspan.base.units import format_size
from longspan.system.troubles import MAKE_ROOM, NO_ROOM

_LEFT_OUT = {".longspan", ".git", "__pycache__", ".hg", ".svn"}
_MOST_FILES = 20_000
_MOST_STARS = 8
_STARS = re.compile(r"(?<!\\)\*{3,}")
_CHUNK = 1 << 20
_EXECUTABLE = "+x"


class Tree(msgspec.Struct, frozen=True):
    """The step code as it stood when it was read: path inside the folder -> SHA-256 of the file.

    ``+x`` stands behind that of an executable one: whether a server can be started is a part of what it is.
    """

    files: dict[str, str]

    def digest(self) -> str:
        """SHA-256 over the sorted paths and digests."""
        return hashlib.sha256(msgspec.json.encode(self.files, order="deterministic")).hexdigest()


def survey(folder: Path, *, leave_out: AbstractSet[Path], limit_bytes: int) -> Tree:
    """Read what a copy of `folder` would hold, without copying.

    Left out: ``.longspan``, version control, ``__pycache__``, virtual environments, what the
    folder's ``.gitignore`` names, links that leave the folder, and `leave_out` (the file itself, the
    state folder, models, which are digested apart).

    Raises `Refused` over `limit_bytes`, with the ten largest files named.
    """
    sizes: dict[str, int] = {}
    for path, size in _files(folder, {p.resolve() for p in leave_out}):
        sizes[path] = size
        if len(sizes) > _MOST_FILES:
            raise Refused(
                f"the folder of the file holds more than {_MOST_FILES} files",
                at=folder.name,
                remedy="Put longspan.yaml and its step code in a folder of their own, or name the rest in .gitignore",
            )
    total = sum(sizes.values())
    if total > limit_bytes:
        largest = sorted(sizes, key=sizes.__getitem__, reverse=True)[:10]
        named = "\n".join(f"    {sizes[path]:>12,} bytes  {path}" for path in largest)
        raise Refused(
            f"the step code is {total:,} bytes, over system.code_limit ({format_size(limit_bytes)})."
            f" Largest files:\n{named}",
            remedy="Name what is no code in .gitignore, or raise system.code_limit",
        )
    return Tree({path: digest_file(folder / path) + _mode(folder / path) for path in sorted(sizes)})


def digest_file(path: Path) -> str:
    """SHA-256 of a file's content, 64 hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class Vault:
    """The vault in one state folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._copying = threading.Lock()
        for part in ("code", "models", "new"):
            (folder / part).mkdir(mode=0o700, parents=True, exist_ok=True)
        for left in (folder / "new").iterdir():
            _drop(left)  # what a killed control left half-copied

    def code(self, digest: str) -> Path:
        """Where the tree of that digest stands."""
        return self._folder / "code" / digest

    def model(self, digest: str) -> Path:
        """Where the model of that digest stands."""
        return self._folder / "models" / digest

    def keep_code(self, folder: Path, tree: Tree) -> None:
        """Copy the surveyed tree. Raises `LongspanError` when a file changed since the survey."""
        target = self.code(tree.digest())
        with self._copying:  # two applies at once may bring the same
            if target.exists():
                return
            with _whole_or_not_at_all(self._folder / "new" / target.name, target) as new:
                for path, digest in tree.files.items():
                    _copy(folder / path, new / path, digest)
                new.mkdir(exist_ok=True)
                for inside, _, _ in os.walk(new):
                    _sync_folder(Path(inside))

    def keep_model(self, source: Path, digest: str) -> None:
        """Copy the file of a model. Raises `LongspanError` when it is not of that digest any more."""
        target = self.model(digest)
        with self._copying:
            if target.exists():
                return
            with _whole_or_not_at_all(self._folder / "new" / digest, target) as new:
                _copy(source, new, digest)


@contextlib.contextmanager
def _whole_or_not_at_all(new: Path, target: Path) -> Iterator[Path]:
    """What the block makes at `new` becomes `target`. When it fails, nothing of it takes up room; `LongspanError`, and
    what to do, when that was for want of room."""
    _drop(new)
    try:
        yield new
        new.rename(target)
        _sync_folder(target.parent)
    except BaseException as error:
        _drop(new)
        if isinstance(error, OSError) and error.errno in NO_ROOM:
            raise LongspanError(f"no copy of it can be kept: {error.strerror}", remedy=MAKE_ROOM) from error
        raise


def _drop(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def _mode(path: Path) -> str:
    return _EXECUTABLE if path.stat().st_mode & stat.S_IXUSR else ""


def _copy(source: Path, target: Path, digest: str) -> None:
    """`digest` is that of the content, with `_EXECUTABLE` behind it if the copy shall be so."""
    target.parent.mkdir(parents=True, exist_ok=True)
    seen = hashlib.sha256()
    with source.open("rb") as reader, target.open("wb") as writer:
        while chunk := reader.read(_CHUNK):
            seen.update(chunk)
            writer.write(chunk)
        writer.flush()
        os.fsync(writer.fileno())
    content, mark, _ = digest.partition(_EXECUTABLE)
    if seen.hexdigest() != content:
        raise LongspanError(
            f"{source.name} changed while it was being read", remedy="Apply again when it has been saved"
        )
    target.chmod(stat.S_IRUSR | (stat.S_IXUSR if mark else 0))


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _files(folder: Path, leave_out: AbstractSet[Path]) -> Iterator[tuple[str, int]]:
    root = folder.resolve()
    ignored = _ignored(folder / ".gitignore")
    for here, folders, names in os.walk(root):
        inside = PurePosixPath(Path(here).relative_to(root).as_posix())
        folders[:] = sorted(
            name
            for name in folders
            if name not in _LEFT_OUT
            and Path(here, name) not in leave_out
            and not Path(here, name).is_symlink()
            and not Path(here, name, "pyvenv.cfg").exists()
            and not ignored.match_file(f"{inside / name}/")
        )
        for name in names:
            path, relative = Path(here, name), str(inside / name)
            if path.resolve() in leave_out or ignored.match_file(relative):
                continue
            if path.is_file() and path.resolve().is_relative_to(root):
                yield _sayable(relative, folder.name), path.stat().st_size


def _ignored(file: Path) -> GitIgnoreSpec:
    """What it names. A line that is no pattern names nothing, as git has it. Raises `Refused`."""
    lines = []
    for number, line in enumerate(file.read_text(errors="replace").splitlines() if file.is_file() else (), 1):
        pattern = _STARS.sub("*", line)  # as git reads three or more
        if pattern.count("*") > _MOST_STARS and not pattern.startswith("#"):
            # A name is tried against each way to share it out among them.
            remedy = "Write it as several lines"
            raise Refused(f"has more than {_MOST_STARS} * in one line", at=f"{file.name}:{number}", remedy=remedy)
        if _is_pattern(pattern):
            lines.append(pattern)
    return GitIgnoreSpec.from_lines(lines)


def _is_pattern(line: str) -> bool:
    try:
        GitIgnoreSpec.from_lines([line])
    except (ValueError, re.error):
        return False
    return True


def _sayable(path: str, folder: str) -> str:
    """The path, if every reader of a generation can have it: in UTF-8."""
    try:
        path.encode()
    except UnicodeEncodeError:
        shown = path.encode("utf-8", "backslashreplace").decode()
        remedy = "Rename it, or name it in .gitignore"
        raise Refused(f"the name of {shown} is no UTF-8 text", at=folder, remedy=remedy) from None
    return path
