"""The whole of ``longspan.yaml``."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

from pydantic import Field, ValidationError

from longspan.base.errors import Invalid
from longspan.spec.gateway import Gateway
from longspan.spec.models import Model
from longspan.spec.places import Places
from longspan.spec.section import Section
from longspan.spec.services import EXCLUSIVE, Service
from longspan.spec.values import Name, size
from longspan.spec.words import findings


class About(Section):
    """The system as such."""

    example: ClassVar[dict[str, Any]] = {"name": "file-type"}

    name: Name
    """What it is called, in plans and in metrics."""
    code_limit: Annotated[int, size("1KiB", "1TiB")] = 64 << 20
    """How large the folder of the file may be; each accepted generation keeps a copy of its step code."""


class System(Section):
    """What people wrote, parsed once and trusted everywhere after."""

    example: ClassVar[dict[str, Any]] = {
        "system": {"name": "hello"},
        "services": {"hello": {"steps": {"greet": {"run": "steps:greet"}}}},
    }

    system: About
    """Its name and what holds for all of it."""
    models: Annotated[dict[Name, Model], Field(max_length=256, default_factory=dict)]
    """Models by name. One that no service uses is served by itself."""
    services: Annotated[dict[Name, Service], Field(max_length=256, default_factory=dict)]
    """Services by name; models and services share one namespace."""
    gateway: Gateway = Gateway()
    """Where all of them are called."""

    @property
    def name(self) -> str:
        return self.system.name

    def canonical(self) -> dict[str, Any]:
        """The file as a JSON value: units in the file's form, defaults filled in, comments and layout gone.

        It is a file again: written as YAML, it loads to the same system. The order of ``steps`` and of
        ``answers`` means something, so whoever stores it must not sort its keys.
        """
        data: dict[str, Any] = self.model_dump(mode="json", by_alias=True, exclude_none=True)
        for service in data["services"].values():
            for one, (other, _) in EXCLUSIVE.items():
                if one in service:
                    del service[other]
            for step in service["steps"].values():
                server = "command" in step or "url" in step
                if "run" not in step and not server:
                    del step["repeatable"]
                if not server:
                    del step["binary"]
        return data

    @classmethod
    def from_canonical(cls, data: dict[str, Any]) -> System:
        """The system that `canonical` gave. Raises `Invalid`, without positions, when it is none."""
        try:
            return cls.model_validate(data)
        except ValidationError as error:
            raise Invalid(Places("").complaints(findings(error, data, cls))) from None
