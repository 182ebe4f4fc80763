"""How a step says what it takes, and when: `from:`, `pad:` and `when:`.

::

    from: {x: cut.crops}       input -> step.output, or an input of the service
    from: cut.crops            the same for a step with one input
    pad: {width: 32}           rows whose width differs -> filled up to the next multiple of 32
    when: not prepare.empty    a truth value, or its opposite
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, NamedTuple

from pydantic import Field, PlainSerializer, ValidatorFunctionWrapHandler, WithJsonSchema, WrapValidator

from longspan.spec.places import printable
from longspan.spec.values import REFERENCE, TENSOR_NAME, Reference, TensorName, refused, show, text

ONLY = ""
"""Stands for the one input of the step, where ``from:`` is a reference and no mapping."""
_NOT = "not "


def _read_sources(value: Any, mapping: ValidatorFunctionWrapHandler) -> Any:
    if isinstance(value, str):
        return {ONLY: REFERENCE.read(value)}
    if isinstance(value, dict) and value:
        return mapping(value)
    remedy = "Write from: {INPUT: STEP.OUTPUT}, or from: STEP.OUTPUT where the step has one input."
    raise refused("is empty" if value == {} else f"is {show(value)}, which names no output", remedy)


def _write_sources(value: dict[str, str]) -> Any:
    return value[ONLY] if ONLY in value else dict(value)


Sources = Annotated[
    dict[TensorName, Reference],
    Field(max_length=64),
    WrapValidator(_read_sources),
    PlainSerializer(_write_sources),
    WithJsonSchema(
        {
            "oneOf": [
                REFERENCE.schema,
                {
                    "type": "object",
                    "minProperties": 1,
                    "maxProperties": 64,
                    "patternProperties": {TENSOR_NAME.schema["pattern"]: REFERENCE.schema},
                    "additionalProperties": False,
                },
            ]
        }
    ),
]
"""Input -> where it comes from; under `ONLY` that of a step's one input."""

Padding = Annotated[
    dict[
        Annotated[
            str,
            text(
                r"[a-z][a-z0-9_]{0,62}",
                "which is no name of a dimension",
                "Write the name that stands after ~ where the rows are made: width.",
            ),
        ],
        Annotated[int, Field(ge=1, le=65_536)],
    ],
    Field(min_length=1, max_length=8),
]
"""Dimension -> the multiple that it is filled up to."""

When = Annotated[
    str,
    text(
        rf"(?:{_NOT})?{REFERENCE.pattern}",
        "which is no condition",
        "Write STEP.NAME, or not STEP.NAME, of a BOOL[1]: prepare.has_text.",
    ),
]


class Condition(NamedTuple):
    """``when:`` taken apart."""

    reference: str
    wanted: bool


def condition(when: str) -> Condition:
    """``"not prepare.empty"`` -> the reference, and that it must be false."""
    return Condition(when.removeprefix(_NOT), not when.startswith(_NOT))


def written_at(sources: Mapping[str, str] | None, name: str) -> tuple[str, ...] | None:
    """Where in a step it says what gives the input `name`: ``("from", "x")``, ``("from",)``; None: nowhere."""
    if sources is None:
        return None
    return ("from",) if ONLY in sources else ("from", name) if name in sources else None


def quoted(reference: str) -> str:
    """A reference as a complaint repeats it."""
    return printable(reference, 120)
