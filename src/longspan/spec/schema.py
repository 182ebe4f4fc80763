"""The JSON Schema of ``longspan.yaml``, by which editors complete, explain and check.

It says what the sections say, and rules out less than `load` does: whether names exist and steps fit is beyond it.
"""

from __future__ import annotations

from typing import Any

from longspan.spec.section import Section
from longspan.spec.steps import KINDS
from longspan.spec.system import System
from longspan.spec.words import sections

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def json_schema() -> dict[str, Any]:
    """JSON Schema 2020-12 of the whole file; durations and sizes are patterned text, as people write them."""
    raw = System.model_json_schema(by_alias=True, mode="validation")
    parts = raw.pop("$defs")
    for section in {section.__name__: section for _, section in sections(System)}.values():
        _finish(raw if section is System else parts[section.__name__], section)
    parts["Step"]["anyOf"] = [{"required": [kind]} for kind in KINDS]
    return {"$schema": DIALECT, **raw, "title": "longspan.yaml", "$defs": dict(sorted(parts.items()))}


def _finish(schema: dict[str, Any], section: type[Section]) -> None:
    """Defaults in the form of the file, an example, no ``null`` and no titles that only repeat a key."""
    schema.pop("title", None)
    schema["examples"] = [section.example]
    defaults = section.model_construct().model_dump(mode="json", by_alias=True, exclude_none=True)
    for key, field in schema["properties"].items():
        field.pop("title", None)
        field.pop("default", None)
        for option in field.pop("anyOf", ()):
            if option != {"type": "null"}:
                field.update(option)
        if "patternProperties" in field:
            # A name that matches no pattern is a mistake, which JSON Schema says only when it is told to.
            field["additionalProperties"] = False
        if defaults.get(key) not in (None, {}) and "$ref" not in field:
            field["default"] = defaults[key]
