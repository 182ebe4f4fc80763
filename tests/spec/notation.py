"""What models and steps were described as, in lines that a person can read.

::

    model iris: lengths FP32[batch, 4] -> species TEXT[batch], scores FP32[batch, 3]
    run flower.read: content BYTES[1] -> lengths FP32[batch, 4]
    run chat.say stream: prompt TEXT[1] -> word TEXT[1]
    run flower.name class(threshold, top=): species TEXT[batch] -> result JSON[1]
    run flower.odd: rows ? -> ?                                  types that annotations leave open
    run flower.late: rows? FP32[batch, ~n] -> result JSON[1]     rows may be None
    error run:flower.broken: no module named steps
"""

from __future__ import annotations

import re

from longspan.base.dtypes import BY_OIP
from longspan.base.signatures import Signature, TensorType, parse_tensor_type
from longspan.wire.orders import Described, PartialSignature

_LINE = re.compile(r"(model|run) (\S+)(?: (async|stream))?(?: class\((.*)\))?: (.*?) -> (.*)")
_SIDE = re.compile(r"([^\s?]+)(\?)? (\?|[A-Z0-9]+\[[^\]]*\])(?:, )?")


def described(text: str) -> Described:
    """The lines as the value that a describing child prints."""
    models: dict[str, Signature] = {}
    runs: dict[str, PartialSignature] = {}
    errors: dict[str, str] = {}
    for line in filter(None, map(str.strip, text.splitlines())):
        if line.startswith("error "):
            key, _, problem = line.removeprefix("error ").partition(": ")
            errors[key] = problem
            continue
        match = _LINE.fullmatch(line)
        assert match is not None, line
        kind, name, call, settings, inputs, outputs = match.groups()
        if kind == "model":
            models[name] = Signature(_known(inputs), _known(outputs))
        else:
            runs[name] = PartialSignature(
                inputs=_side(inputs),
                outputs=None if outputs == "?" else _side(outputs),
                call=call or "sync",
                settings=None if settings is None else _settings(settings),
                optional=tuple(name for name, may_be_none, _ in _SIDE.findall(inputs) if may_be_none),
            )
    return Described(models=models, runs=runs, errors=errors)


def _side(text: str) -> dict[str, TensorType | None]:
    assert "".join(match[0] for match in _SIDE.finditer(text)) == text, text
    return {
        name: None if kind == "?" else parse_tensor_type(kind, frozenset(BY_OIP))
        for name, _, kind in _SIDE.findall(text)
    }


def _known(text: str) -> dict[str, TensorType]:
    return {name: kind for name, kind in _side(text).items() if kind is not None}


def _settings(text: str) -> dict[str, bool]:
    return {part.removesuffix("="): not part.endswith("=") for part in filter(None, text.split(", "))}
