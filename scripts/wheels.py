"""Has every locked part a wheel, with a locked hash, for each Python and machine that we promise?

Asks the registry for names and hashes only, through uv; nothing is downloaded or installed. The answer
is kept by the lock's hash, so it is asked once per lock. Without a registry it says so and accuses nobody: exit 0.
"""

from __future__ import annotations

import hashlib
import re
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

LOCK = Path(__file__).parent.parent / "requirements" / "dev.txt"
"""Holds all that the other locks hold, at the same versions (tests/house/test_locks.py)."""
PYTHONS = ("3.11", "3.12", "3.13")
PLATFORMS = ("x86_64-manylinux_2_31", "aarch64-manylinux_2_31")
KEPT = Path(sys.prefix) / ".longspan-wheels"
NO_REGISTRY = re.compile(r"failed to fetch|error sending request|dns error|connect|timed? ?out|network", re.IGNORECASE)


def locked_hashes(text: str) -> dict[str, set[str]]:
    """Name of each part -> the SHA-256 of every file that may be installed for it."""
    parts = re.split(r"^([a-z0-9-]+)==", text, flags=re.MULTILINE)[1:]
    return {
        name: set(re.findall(r"sha256:([0-9a-f]{64})", rest))
        for name, rest in zip(parts[::2], parts[1::2], strict=True)
    }


def ask(python: str, platform: str) -> tuple[dict[str, set[str]], str]:
    """Name of each part -> the SHA-256 of its wheels that fit there; and what uv said when it found no answer."""
    with tempfile.TemporaryDirectory() as folder:
        found = Path(folder, "pylock.toml")
        command: list[str | Path] = [
            Path(sys.prefix, "bin", "uv"),
            "pip",
            "compile",
            LOCK,
            "--format",
            "pylock.toml",
            "-o",
            found,
        ]
        command += ["--quiet", "--python", sys.executable, "--python-version", python, "--python-platform", platform]
        command += ["--only-binary", ":all:", "--no-deps"]
        said = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
        if said.returncode != 0:
            return {}, said.stderr
        packages = tomllib.loads(found.read_text())["packages"]
    return {p["name"]: {wheel["hashes"]["sha256"] for wheel in p.get("wheels", ())} for p in packages}, ""


def main() -> int:
    text = LOCK.read_text()
    digest = hashlib.sha256(text.encode()).hexdigest()
    wanted = locked_hashes(text)
    everywhere = f"{len(wanted)} parts: a wheel each for {', '.join(PYTHONS)} on {' and '.join(PLATFORMS)}"
    if KEPT.exists() and KEPT.read_text() == digest:
        print(f"{everywhere} (as found before for this lock)")
        return 0
    missing = []
    for python in PYTHONS:
        for platform in PLATFORMS:
            wheels, said = ask(python, platform)
            if said and NO_REGISTRY.search(said):
                print("not checked: no registry")
                return 0
            without = [name for name, hashes in wanted.items() if not hashes & wheels.get(name, set())]
            if without:
                missing.append(f"Python {python}, {platform}: {said or ', '.join(without)}")
    if missing:
        print("No wheel that the lock allows:", *missing, sep="\n")
        return 1
    KEPT.write_text(digest)
    print(everywhere)
    return 0


if __name__ == "__main__":
    sys.exit(main())
