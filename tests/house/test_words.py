"""Does any tracked file name a place that exists only on the machine where it was written?"""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[2]

PLACES = {
    "somebody's home": re.compile(r"(?<![\w.])/(?:root|home/\w+|Users/\w+)/"),
    "a package index": re.compile(
        r"https?://\S*(?:/simple\b|pypi|pythonhosted)|(?<!no-emit-)(?:index-url|find-links)[= ]\S*[:/]"
    ),
}


def tracked() -> list[Path]:
    """Files that git knows, or would if one added all."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=60).stdout
    return [ROOT / name for name in listed.split("\0") if name and (ROOT / name).is_file()]


def test_no_file_names_a_place_of_one_machine() -> None:
    found = []
    for path in tracked():
        if path == Path(__file__):
            continue
        text = path.read_bytes().decode("utf-8", "ignore")
        found += [
            f"{path.relative_to(ROOT)}: {what}: {m[0]}" for what, rule in PLACES.items() for m in rule.finditer(text)
        ]
    assert not found
