"""What is an accepted system pinned to? Digests of its code and models, HMACs of its secrets."""

from __future__ import annotations

import msgspec


class ModelPin(msgspec.Struct, frozen=True, kw_only=True):
    """The file of a model as it was when the generation was accepted."""

    digest: str
    size_bytes: int
    package: str = ""
    package_version: str = ""


class Pins(msgspec.Struct, frozen=True, kw_only=True):
    """What a generation is pinned to."""

    code: str = ""
    """Digest of the whole tree of step code; empty when every step is a model."""
    files: dict[str, str] = {}
    """Path inside the tree -> digest of that file: what a plan names when code changed."""
    models: dict[str, ModelPin] = {}
    secrets: dict[str, str] = {}
