"""What does a Python step take and give, by its annotations?

===============================================  =============================  ==================================
annotation                                       tensor                         the step has
===============================================  =============================  ==================================
``bytes``, ``str``, ``Json``                     BYTES [1], raw, text or JSON   the bytes, the text, the value
``int``, ``float``, ``bool``                     INT64, FP64, BOOL [1]          the number
``Annotated[NDArray[np.float32], Shape(...)]``   FP32 of that shape             the array
``Annotated[list[bytes], Shape("batch")]``       BYTES of that shape            a list (also of ``str``, ``Json``)
``Annotated[list[NDArray[...]], Shape(...)]``    rows, ``~`` marks what differs a list of arrays, without `batch`
``X | None``, of a parameter                     that of X                      None if what gives it was not run
none, or an array without `Shape`                the file must declare it       by type: see `Form`
===============================================  =============================  ==================================

A parameter with a default is no input and keeps its default. A return that is a TypedDict, NamedTuple or dataclass
names its outputs; any other annotated return is the output `result`. ``AsyncIterator[X]`` is a stream of X.
"""

from __future__ import annotations

import collections.abc
import dataclasses
import inspect
import types
import typing
from collections.abc import Callable
from typing import Annotated, Any, Literal, NamedTuple

import numpy as np

from longspan.base.errors import LongspanError
from longspan.base.signatures import BATCH, RAGGED, ElementKind, Shape, TensorType
from longspan.serving.runtimes.python.resolve import resolve
from longspan.wire.orders import PartialSignature
from longspan.wire.tensors import NUMPY

Form = Literal["array", "one", "list", "rows", ""]
"""How a step has a tensor: as an array, as its one element, as a list of elements, as a list of arrays of different
sizes. Empty: BYTES [1] as its one element, a ragged type as rows, all else as an array."""

RESULT = "result"
"""Name of the output of a return that does not name its own."""

_ONE = {
    bytes: TensorType("BYTES", (1,)),
    str: TensorType("BYTES", (1,), "text"),
    int: TensorType("INT64", (1,)),
    float: TensorType("FP64", (1,)),
    bool: TensorType("BOOL", (1,)),
}
_STREAMS = (collections.abc.AsyncIterator, collections.abc.AsyncGenerator, collections.abc.AsyncIterable)
_DTYPES = {dtype: name for name, dtype in NUMPY.items()} | {np.dtype("S"): "BYTES", np.dtype("U"): "BYTES"}
_ROWS = 'Write Annotated[list[NDArray[np.float32]], Shape("batch", 3, 48, "~width")] for rows of different sizes'
_KNOWN = "Use bytes, str, Json, int, float, bool or Annotated[NDArray[np.float32], Shape(...)]"


class Slot(NamedTuple):
    """One input or output: its type as far as the annotation says it, and how the step has it."""

    tensor: TensorType | None
    form: Form


class Callee(NamedTuple):
    """A step as its annotations describe it."""

    call: Literal["sync", "async", "stream"]
    inputs: dict[str, Slot]
    outputs: dict[str, Slot] | None
    """None: the return does not say."""
    fields: bool
    """Are the outputs the items or attributes of what is returned?"""
    settings: dict[str, bool] | None
    """For a class: parameter of its constructor -> required."""
    optional: tuple[str, ...] = ()
    """Inputs that may be None."""


def describe(run: str) -> PartialSignature:
    """Import the module and read the annotations; nothing of the step runs.

    Raises `LongspanError` in one line: what is wrong with the import, the name or an annotation.
    """
    callee = read(run, resolve(run))
    return PartialSignature(
        inputs={name: slot.tensor for name, slot in callee.inputs.items()},
        outputs=None if callee.outputs is None else {name: slot.tensor for name, slot in callee.outputs.items()},
        call=callee.call,
        settings=callee.settings,
        optional=callee.optional,
    )


def read(run: str, attribute: Any) -> Callee:
    """Annotations of what ``run:`` names: a function, a class or something with ``__call__``."""
    settings = None
    target: Callable[..., Any] = attribute
    own = inspect.isclass(attribute)
    if own:
        settings = _settings(run, attribute)
        if "__call__" not in dir(attribute) or not inspect.isfunction(inspect.unwrap(attribute.__call__)):
            raise LongspanError(
                "is a class whose instances cannot be called", at=run, remedy="Give it a method __call__"
            )
        target = attribute.__call__
    elif not inspect.isroutine(attribute):
        target = attribute.__call__
    try:
        hints = typing.get_type_hints(getattr(target, "__func__", target), include_extras=True)
        parameters = list(inspect.signature(target).parameters.values())[1 if own else 0 :]
    except (NameError, AttributeError, TypeError, ValueError) as error:
        raise LongspanError(f"has annotations that cannot be read: {error}", at=run) from None
    returned = hints.get("return", inspect.Signature.empty)
    call, returned = _call(run, target, returned)
    outputs, fields = _outputs(run, returned)
    inputs, optional = _inputs(run, parameters, hints)
    return Callee(call, inputs, outputs, fields, settings, optional)


def _call(run: str, target: Callable[..., Any], returned: Any) -> tuple[Literal["sync", "async", "stream"], Any]:
    if inspect.isgeneratorfunction(target):
        raise LongspanError("yields, but is not async", at=run, remedy="Write `async def` to stream, or return a list")
    if typing.get_origin(returned) in _STREAMS:
        return "stream", typing.get_args(returned)[0]
    if inspect.isasyncgenfunction(target):
        if returned is not inspect.Signature.empty:
            raise LongspanError("yields, but its return annotation is no AsyncIterator[...]", at=run)
        return "stream", returned
    return ("async" if inspect.iscoroutinefunction(target) else "sync"), returned


def _settings(run: str, attribute: type) -> dict[str, bool]:
    try:
        parameters = inspect.signature(attribute).parameters.values()
    except (TypeError, ValueError) as error:
        raise LongspanError(f"has a constructor that cannot be read: {error}", at=run) from None
    named = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    return {p.name: p.default is inspect.Parameter.empty for p in parameters if p.kind in named}


def _inputs(
    run: str, parameters: list[inspect.Parameter], hints: dict[str, Any]
) -> tuple[dict[str, Slot], tuple[str, ...]]:
    """All inputs, and those of them that may be None."""
    inputs: dict[str, Slot] = {}
    optional = []
    for parameter in parameters:
        if parameter.kind not in (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY):
            raise LongspanError(
                f"has the parameter {parameter}, which is not taken by name",
                at=run,
                remedy="Inputs are given by name: write each as a parameter of its own",
            )
        if parameter.default is inspect.Parameter.empty:
            hint = hints.get(parameter.name, inspect.Parameter.empty)
            bare = _without_none(hint)
            if bare is not hint:
                optional.append(parameter.name)
            inputs[parameter.name] = _slot(run, f"parameter {parameter.name!r}", bare)
    return inputs, tuple(optional)


def _without_none(hint: Any) -> Any:
    """X of ``X | None``; any other hint as it is."""
    if typing.get_origin(hint) in (typing.Union, types.UnionType):
        rest = [choice for choice in typing.get_args(hint) if choice is not types.NoneType]
        if len(rest) == 1 < len(typing.get_args(hint)):
            return rest[0]
    return hint


def _outputs(run: str, returned: Any) -> tuple[dict[str, Slot] | None, bool]:
    origin = typing.get_origin(returned) or returned
    mapping = inspect.isclass(origin) and issubclass(origin, collections.abc.Mapping)
    if origin is inspect.Signature.empty or (mapping and not typing.is_typeddict(origin)):
        return None, False
    if returned is type(None):
        raise LongspanError("returns None", at=run, remedy="A step gives at least one output")
    fields = _fields(run, returned)
    if fields is None:
        return {RESULT: _slot(run, "the return", returned)}, False
    if not fields:
        raise LongspanError(f"returns {returned.__name__}, which has no fields", at=run)
    return {name: _slot(run, f"{returned.__name__}.{name}", hint) for name, hint in fields.items()}, True


def _fields(run: str, returned: Any) -> dict[str, Any] | None:
    """Annotations of a TypedDict, NamedTuple or dataclass; None for anything else."""
    if not inspect.isclass(returned):
        return None
    named = issubclass(returned, tuple) and hasattr(returned, "_fields")
    if not (typing.is_typeddict(returned) or named or dataclasses.is_dataclass(returned)):
        return None
    if getattr(returned, "__optional_keys__", None):
        keys = ", ".join(sorted(getattr(returned, "__optional_keys__")))  # noqa: B009 - unknown to mypy on a class
        raise LongspanError(
            f"returns {returned.__name__}, which may leave out {keys}", at=run, remedy="Require each key"
        )
    try:
        return typing.get_type_hints(returned, include_extras=True)
    except NameError as error:
        raise LongspanError(f"has annotations that cannot be read: {error}", at=run) from None


def _slot(run: str, what: str, hint: Any) -> Slot:
    if hint is inspect.Parameter.empty:
        return Slot(None, "")
    marks: tuple[Any, ...] = ()
    if typing.get_origin(hint) is Annotated:
        hint, *rest = typing.get_args(hint)
        marks = tuple(rest)
    shapes = [mark for mark in marks if isinstance(mark, Shape)]
    kinds = [mark for mark in marks if isinstance(mark, ElementKind)]
    if len(shapes) > 1:
        raise LongspanError(f"{what} has two shapes", at=run)
    if kinds and not shapes:
        return Slot(TensorType("BYTES", (1,), kinds[0].element), "one")
    origin = typing.get_origin(hint) or hint
    if origin is np.ndarray:
        if shapes and _ragged(shapes[0]):
            raise LongspanError(f"{what} is one array, and {shapes[0]} is of rows that differ", at=run, remedy=_ROWS)
        return Slot(_array(hint, shapes[0]) if shapes else None, "array")
    if origin is list and shapes and _of_arrays(hint):
        return Slot(_rows(run, what, hint, shapes[0]), "rows")
    if origin is list and shapes:
        return Slot(_list(run, what, hint, shapes[0]), "list")
    if hint in _ONE and not shapes:
        return Slot(_ONE[hint], "one")
    shown = getattr(hint, "__name__", None) or str(hint)
    raise LongspanError(f"{what} is annotated {shown}, which is no tensor", at=run, remedy=_KNOWN)


def _array(hint: Any, shape: Shape) -> TensorType | None:
    """None when the annotation leaves the data type open (``NDArray[Any]``, a bare ``np.ndarray``)."""
    arguments = typing.get_args(hint)
    scalar = (typing.get_args(arguments[1]) or (Any,))[0] if len(arguments) == 2 else Any
    if not (inspect.isclass(scalar) and issubclass(scalar, np.generic)):
        return None
    try:
        name = _DTYPES.get(np.dtype(scalar))
    except TypeError:  # an abstract one, such as np.floating
        return None
    return TensorType(name, shape.dimensions) if name else None


def _ragged(shape: Shape) -> bool:
    return any(isinstance(size, str) and size.startswith(RAGGED) for size in shape.dimensions)


def _of_arrays(hint: Any) -> bool:
    (element,) = typing.get_args(hint) or (None,)
    return (typing.get_origin(element) or element) is np.ndarray


def _rows(run: str, what: str, hint: Any, shape: Shape) -> TensorType | None:
    """None when the annotation leaves the data type open."""
    if shape.dimensions[:1] != (BATCH,) or not _ragged(shape):
        problem = f"{what} is a list of arrays of {shape}, and no dimension of it differs from row to row"
        if _ragged(shape):
            problem = f"{what} is a list of arrays of {shape}, which does not begin with {BATCH}"
        raise LongspanError(problem, at=run, remedy=_ROWS)
    (element,) = typing.get_args(hint)
    return _array(element, shape)


def _list(run: str, what: str, hint: Any, shape: Shape) -> TensorType:
    (element,) = typing.get_args(hint) or (None,)
    kinds = [mark for mark in getattr(element, "__metadata__", ()) if isinstance(mark, ElementKind)]
    if len(shape.dimensions) != 1 or not (kinds or element in (bytes, str)):
        raise LongspanError(
            f"{what} is a list; a list holds bytes, str or Json along one dimension",
            at=run,
            remedy='Write Annotated[list[bytes], Shape("batch")], or an NDArray for numbers',
        )
    return TensorType("BYTES", shape.dimensions, kinds[0].element if kinds else "text" if element is str else "raw")
