"""`models:`: the files that are loaded, and what they are pinned to."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

from pydantic import Field

from longspan.spec.section import Section
from longspan.spec.values import ModelPath, PackageVersion, Sha256, Version

PACKAGE = "package:"


class Model(Section):
    """One model, callable by its name at ``/v2/models/NAME``."""

    example: ClassVar[dict[str, Any]] = {"path": "models/tiny.onnx"}

    path: ModelPath
    """An ONNX file: a path from the folder of longspan.yaml, or ``package:PACKAGE/PATH`` in an installed package."""
    threads: Annotated[int, Field(ge=1, le=256)] | None = None
    """Threads of one run. Default: the whole cores of ``resources: {cpu: ...}`` where it runs, else 1. More make one
    request quicker and, mostly, the machine's throughput lower."""
    version: Version = "1"
    """The version in the model's path; any other version is 404."""
    digest: Sha256 | None = None
    """Pins the file: ``sha256:`` and 64 hexadecimal digits. Another content is refused at apply."""
    package_version: PackageVersion | None = None
    """Pins the package of a ``package:`` path. Another version is refused at apply."""

    @property
    def package(self) -> tuple[str, str] | None:
        """Package and path within it: ``("magika", "models/model.onnx")``; None for a file of the folder."""
        if not self.path.startswith(PACKAGE):
            return None
        name, _, inside = self.path.removeprefix(PACKAGE).partition("/")
        return name, inside

    @property
    def pinned(self) -> str | None:
        """The 64 hexadecimal digits of `digest`; None when the file pins nothing."""
        return self.digest.removeprefix("sha256:") if self.digest is not None else None
