"""What every section of the file is: frozen, strict, and described by its docstrings.

A number in quotes is not a number and an unknown key is a complaint. The docstring under a field is its
page in the reference and its hint in an editor.
"""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict


class Section(BaseModel):
    """One mapping of the file whose keys are known beforehand."""

    model_config = ConfigDict(
        frozen=True,
        strict=True,
        extra="forbid",
        use_attribute_docstrings=True,
        arbitrary_types_allowed=True,
    )
    example: ClassVar[dict[str, Any]]
    """A small valid value: what a complaint proposes and an editor shows. It has all required keys."""

    @classmethod
    def keys(cls) -> dict[str, str]:
        """Each key of the file -> the field that holds it."""
        return {field.alias or name: name for name, field in cls.model_fields.items()}
