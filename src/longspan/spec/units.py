"""From the file to what runs: `System` -> units, and what a unit is pinned to."""

from __future__ import annotations

import msgspec

from longspan.wire.orders import Work


class ModelPin(msgspec.Struct, frozen=True, kw_only=True):
    """The file of a model as it was when the generation was accepted."""

    digest: str
    size_bytes: int
    package: str = ""
    package_version: str = ""


class Pins(msgspec.Struct, frozen=True, kw_only=True):
    """What a generation is pinned to: digests of code and models, HMACs of secrets."""

    code: str = ""
    """Digest of the whole tree of step code; empty when every step is a model."""
    files: dict[str, str] = {}
    """Path inside the tree -> digest of that file: what a plan names when code changed."""
    models: dict[str, ModelPin] = {}
    secrets: dict[str, str] = {}


class Unit(msgspec.Struct, frozen=True, kw_only=True):
    """The steps that run in one process: what scales."""

    work: Work
    digest: str
    """`work.digest()`: units of the same digest answer alike."""
    replicas: int
    ready_within_seconds: float
    settle_seconds: float

    @property
    def name(self) -> str:
        return self.work.unit
