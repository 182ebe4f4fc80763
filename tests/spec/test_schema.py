"""What an editor knows of the file: all that is right passes, and what a section does not know is marked."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given

from longspan.base.errors import Invalid
from longspan.spec.load import load_text
from longspan.spec.schema import json_schema
from longspan.spec.system import System
from longspan.spec.words import sections
from tests.spec.files import as_flow, systems

SCHEMA = json_schema()
SILENT = {"$schema", "$defs", "title", "description", "default", "examples"}
NESTED = {"$ref", "properties", "patternProperties", "additionalProperties"}
TYPES: dict[str, Any] = {
    "object": dict,
    "string": str,
    "integer": int,
    "number": (int, float),
    "boolean": bool,
    "array": (list, tuple),
}
RULES: dict[str, Callable[[Any, Any], bool]] = {
    "type": lambda wanted, value: (
        isinstance(value, TYPES[wanted]) and (wanted != "integer" or not isinstance(value, bool))
    ),
    "pattern": lambda wanted, value: not isinstance(value, str) or re.search(wanted, value) is not None,
    "minLength": lambda wanted, value: not isinstance(value, str) or len(value) >= wanted,
    "maxLength": lambda wanted, value: not isinstance(value, str) or len(value) <= wanted,
    "minProperties": lambda wanted, value: not isinstance(value, dict) or len(value) >= wanted,
    "maxProperties": lambda wanted, value: not isinstance(value, dict) or len(value) <= wanted,
    "minimum": lambda wanted, value: not isinstance(value, int | float) or value >= wanted,
    "maximum": lambda wanted, value: not isinstance(value, int | float) or value <= wanted,
    "required": lambda wanted, value: not isinstance(value, dict) or set(wanted) <= set(value),
    "oneOf": lambda wanted, value: sum(not objections(option, value) for option in wanted) == 1,
    "minItems": lambda wanted, value: not isinstance(value, list | tuple) or len(value) >= wanted,
    "maxItems": lambda wanted, value: not isinstance(value, list) or len(value) <= wanted,
    "items": lambda wanted, value: not isinstance(value, list) or not any(objections(wanted, item) for item in value),
    "anyOf": lambda wanted, value: any(not objections(option, value) for option in wanted),
}
"""Keyword of JSON Schema 2020-12 -> does the value keep to it? As far as our schema uses them."""


def objections(schema: dict[str, Any], value: Any, at: str = "") -> list[str]:
    """What an editor would mark. A keyword that is not known here fails the test."""
    found = [
        f"{at}: {keyword}" for keyword in schema.keys() - SILENT - NESTED if not RULES[keyword](schema[keyword], value)
    ]
    if "$ref" in schema:
        found += objections(SCHEMA["$defs"][schema["$ref"].removeprefix("#/$defs/")], value, at)
    for key, child in value.items() if isinstance(value, dict) else ():
        inner = [s for pattern, s in schema.get("patternProperties", {}).items() if re.search(pattern, key)]
        inner += [schema["properties"][key]] if key in schema.get("properties", {}) else []
        if not inner and schema.get("additionalProperties") is False:
            found.append(f"{at}.{key}: unknown")
        for one in inner:
            found += objections(one, child, f"{at}.{key}")
    return found


def test_the_schema_names_its_dialect() -> None:
    assert SCHEMA["$schema"] == "https://json-schema.org/draft/2020-12/schema"


def test_every_key_is_explained_and_has_no_null() -> None:
    for part in (SCHEMA, *SCHEMA["$defs"].values()):
        assert part["description"]
        for key, field in part["properties"].items():
            assert field["description"].endswith((".", ")")), key
            assert "anyOf" not in field, key


def test_defaults_are_in_the_form_of_the_file() -> None:
    assert SCHEMA["$defs"]["Service"]["properties"]["settle"]["default"] == "10s"
    assert SCHEMA["$defs"]["Limits"]["properties"]["body"]["default"] == "16MiB"


def test_the_example_of_every_section_is_valid() -> None:
    for _, section in sections(System):
        section.model_validate(section.example)
        schema = SCHEMA if section is System else SCHEMA["$defs"][section.__name__]
        assert objections(schema, section.example) == []


@given(systems())
def test_what_loads_has_no_objection(data: dict[str, Any]) -> None:
    assert objections(SCHEMA, data) == []
    assert objections(SCHEMA, load_text(as_flow(data), "f").system.canonical()) == []


GOOD = {
    "system": {"name": "a"},
    "models": {"m": {"path": "m.onnx"}},
    "services": {"s": {"steps": {"x": {"run": "steps:x"}}}},
}


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("replicas", 2),
        ("system.name", "A"),
        ("system.code_limit", "64MB"),
        ("models.m.path", "/m.onnx"),
        ("models.m.threads", "1"),
        ("models.M_M", {"path": "m.onnx"}),
        ("services.s.settle", 10),
        ("services.s.limits", {"queue": 0}),
        ("services.s.accepts", {"text": "x.y"}),
        ("services.s.answers", {"text/*": "x.y"}),
        ("services.s.steps", {}),
        ("services.s.steps.x", {}),
        ("services.s.steps.x.from", {"a": "b c"}),
        ("services.s.steps.x.from", {}),
        ("services.s.steps.x.pad", {"~width": 32}),
        ("services.s.steps.x.pad", {"width": 0}),
        ("services.s.steps.x.when", "not a b"),
        ("services.s.steps.x.resources", {"cpu": 0}),
        ("services.s.steps.x.resources", {"memory": "1GB"}),
        ("services.s.steps.x.run", "steps.py"),
        ("services.s.steps.x.command", "node upper.js"),
        ("services.s.steps.x.command", []),
        ("services.s.steps.x.command", ["./server", 9000]),
        ("services.s.steps.x.url", "https://127.0.0.1:9000"),
        ("services.s.steps.x.url", "unix:run/a.sock"),
        ("services.s.steps.x.serves", "a/b"),
        ("services.s.steps.x.replicas", 0),
        ("services.s.inputs", {"a": "FP32"}),
        ("gateway", {"port": 65536}),
    ],
)
def test_an_editor_marks_what_load_refuses(path: str, value: Any) -> None:
    data: Any = load_text(as_flow(GOOD), "f").system.canonical()
    *parents, last = path.split(".")
    node = data
    for parent in parents:
        node = node[parent]
    node[last] = value
    assert objections(SCHEMA, data)
    with pytest.raises(Invalid):
        load_text(as_flow(data), "f")
