"""What the annotations of a Python step say, and what is said of those that say nothing."""

from __future__ import annotations

import pytest

from longspan.base.errors import LongspanError
from longspan.serving.runtimes.python import describe
from longspan.wire.orders import PartialSignature
from tests.serving.runtimes.conftest import Module


def shown(described: PartialSignature) -> str:
    """``x FP32[batch, 16], y ? -> result JSON[1]``"""
    inputs = ", ".join(f"{name} {tensor or '?'}" for name, tensor in described.inputs.items())
    if described.outputs is None:
        return f"{inputs} -> ?"
    return f"{inputs} -> " + ", ".join(f"{name} {tensor or '?'}" for name, tensor in described.outputs.items())


@pytest.mark.parametrize(
    ("source", "signature"),
    [
        ("def f(content: bytes) -> str: ...", "content BYTES[1] -> result TEXT[1]"),
        ("def f(value: Json) -> Json: ...", "value JSON[1] -> result JSON[1]"),
        ("def f(a: int, b: float, c: bool) -> bytes: ...", "a INT64[1], b FP64[1], c BOOL[1] -> result BYTES[1]"),
        ('def f(x: Annotated[NDArray[np.int8], Shape("batch", 2)]) -> str: ...', "x INT8[batch, 2] -> result TEXT[1]"),
        ('def f(x: Annotated[NDArray[np.float16], Shape()]) -> int: ...', "x FP16[] -> result INT64[1]"),
        ('def f(x: Annotated[NDArray[np.object_], Shape("n")]) -> int: ...', "x BYTES[n] -> result INT64[1]"),
        ('def f(x: Annotated[list[bytes], Shape("batch")]) -> int: ...', "x BYTES[batch] -> result INT64[1]"),
        ('def f(x: Annotated[list[str], Shape(3)]) -> int: ...', "x TEXT[3] -> result INT64[1]"),
        ('def f(x: str) -> Annotated[list[Json], Shape("n")]: ...', "x TEXT[1] -> result JSON[n]"),
        (
            'def f(x: Annotated[list[NDArray[np.float32]], Shape("batch", 3, "~w")]) -> str: ...',
            "x FP32[batch, 3, ~w] -> result TEXT[1]",
        ),
        ('def f(x: Annotated[list[np.ndarray], Shape("batch", "~n")]) -> str: ...', "x ? -> result TEXT[1]"),
        ("def f(x, y: NDArray[np.float32], z: np.ndarray): ...", "x ?, y ?, z ? -> ?"),
        ('def f(x: Annotated[NDArray[Any], Shape("n")]) -> NDArray[np.int8]: ...', "x ? -> result ?"),
        ("def f(x: bytes) -> dict[str, NDArray[np.float32]]: ...", "x BYTES[1] -> ?"),
        ("def f(x: bytes, size: int = 7, *, word: str) -> bytes: ...", "x BYTES[1], word TEXT[1] -> result BYTES[1]"),
        ("def f() -> int: ...", " -> result INT64[1]"),
        ("class Out(TypedDict):\n    bytes: str\n    b: int\ndef f() -> Out: ...", " -> bytes TEXT[1], b INT64[1]"),
        ("class Out(NamedTuple):\n    a: int\n    b: Json\ndef f() -> Out: ...", " -> a INT64[1], b JSON[1]"),
        ("@dataclass\nclass Out:\n    a: int\n    b: str\ndef f() -> Out: ...", " -> a INT64[1], b TEXT[1]"),
    ],
)  # fmt: skip
def test_annotations_say_what_a_step_takes_and_gives(source: str, signature: str, module: Module) -> None:
    described = describe(f"{module(source)}:f")
    assert shown(described) == signature
    assert (described.call, described.settings) == ("sync", None)


@pytest.mark.parametrize(
    "hint",
    ["bytes | None", "Json | None", "None | bytes", "Optional[bytes]", "Annotated[list[bytes], Shape('batch')] | None"],
)
def test_an_input_that_may_be_none_is_optional(hint: str, module: Module) -> None:
    described = describe(f"{module(f'from typing import Optional{chr(10)}def f(x: {hint}, y: Json) -> str: ...')}:f")
    assert described.optional == ("x",)
    assert described.inputs["x"] is not None
    assert described.inputs["x"].dtype == "BYTES"


def test_an_input_of_any_value_or_with_a_default_is_not_optional(module: Module) -> None:
    described = describe(f"{module('def f(x: Json, y: bytes | None = None) -> str: ...')}:f")
    assert (described.optional, list(described.inputs)) == ((), ["x"])


@pytest.mark.parametrize(
    ("source", "call"),
    [
        ("async def f(x: bytes) -> bytes: ...", "async"),
        ("async def f(x: bytes) -> AsyncIterator[bytes]:\n    yield x", "stream"),
        ("def f(x: bytes) -> AsyncIterator[bytes]: ...", "stream"),
        ("async def f(x: bytes) -> AsyncIterator[bytes]: ...", "stream"),
    ],
)
def test_how_a_step_is_called_is_seen(source: str, call: str, module: Module) -> None:
    described = describe(f"{module(source)}:f")
    assert described.call == call
    assert shown(described) == "x BYTES[1] -> result BYTES[1]"


def test_an_unannotated_async_generator_is_a_stream_of_what_the_file_says(module: Module) -> None:
    described = describe(f"{module('async def f(x: bytes):' + chr(10) + '    yield x')}:f")
    assert (described.call, described.outputs) == ("stream", None)


def test_a_class_says_its_settings_and_its_call(module: Module) -> None:
    source = """
    class Namer:
        def __init__(self, path: str, *, top: int = 3) -> None: ...
        async def __call__(self, scores: Annotated[NDArray[np.float32], Shape("batch", 214)]) -> Json: ...
    """
    described = describe(f"{module(source)}:Namer")
    assert shown(described) == "scores FP32[batch, 214] -> result JSON[1]"
    assert (described.call, described.settings) == ("async", {"path": True, "top": False})


def test_an_object_with_a_call_is_a_step(module: Module) -> None:
    source = """
    class _Adder:
        def __call__(self, a: int) -> int: ...
    add = _Adder()
    """
    described = describe(f"{module(source)}:add")
    assert (shown(described), described.settings) == ("a INT64[1] -> result INT64[1]", None)


def test_a_decorated_function_keeps_its_annotations(module: Module) -> None:
    source = """
    import functools
    def plain(function):
        @functools.wraps(function)
        def wrapper(**inputs):
            return function(**inputs)
        return wrapper
    @plain
    def f(x: bytes) -> str: ...
    """
    assert shown(describe(f"{module(source)}:f")) == "x BYTES[1] -> result TEXT[1]"


def test_annotations_that_are_no_strings_are_read_too(module: Module) -> None:
    assert shown(describe(f"{module('def f(x: bytes) -> str: ...', preamble='')}:f")) == "x BYTES[1] -> result TEXT[1]"


@pytest.mark.parametrize(
    ("source", "problem"),
    [
        ("def f(x: dict) -> str: ...", "parameter 'x' is annotated dict, which is no tensor. Use bytes, str, Json,"),
        ("def f(x: bytes | str | None) -> str: ...", "parameter 'x' is annotated bytes | str | None, which is no"),
        ("def f(x: bytes) -> str | None: ...", "the return is annotated str | None, which is no tensor"),
        (
            'def f(x: Annotated[list[NDArray[np.int8]], Shape("batch", 3)]) -> str: ...',
            "parameter 'x' is a list of arrays of Shape('batch', 3), and no dimension of it differs from row to row",
        ),
        (
            'def f() -> Annotated[list[NDArray[np.int8]], Shape("n", "~w")]: ...',
            "the return is a list of arrays of Shape('n', '~w'), which does not begin with batch. Write",
        ),
        (
            'def f() -> Annotated[NDArray[np.int8], Shape("batch", "~w")]: ...',
            "the return is one array, and Shape('batch', '~w') is of rows that differ. Write Annotated[list[NDArray",
        ),
        ("def f(x: bytes) -> list[str]: ...", "the return is annotated list, which is no tensor"),
        ('def f(x: Annotated[list[int], Shape("n")]) -> str: ...', "parameter 'x' is a list; a list holds bytes, str"),
        ('def f(x: Annotated[bytes, Shape("n")]) -> str: ...', "parameter 'x' is annotated bytes, which is no tensor"),
        ("def f(x: bytes) -> None: ...", "returns None. A step gives at least one output"),
        ("def f(*x: bytes) -> str: ...", "has the parameter *x: 'bytes', which is not taken by name"),
        ("def f(x: bytes, /) -> str: ...", "has the parameter x: 'bytes', which is not taken by name"),
        ("def f(x: bytes, **y) -> str: ...", "has the parameter **y, which is not taken by name"),
        ("def f(x: Missing) -> str: ...", "has annotations that cannot be read: name 'Missing' is not defined"),
        ("def f(x: bytes) -> str:\n    yield x", "yields, but is not async. Write `async def` to stream"),
        ("async def f(x: bytes) -> str:\n    yield x", "yields, but its return annotation is no AsyncIterator[...]"),
        ("class Out(TypedDict, total=False):\n    a: int\ndef f() -> Out: ...", "returns Out, which may leave out a"),
        ("class Out(TypedDict):\n    a: dict\ndef f() -> Out: ...", "Out.a is annotated dict, which is no tensor"),
        ("class f: ...", "is a class whose instances cannot be called. Give it a method __call__"),
        ("f = 7", "is an int, which cannot be called"),
        ("def ff(): ...", "module 'steps' has no 'f'. Did you mean steps:ff?"),
    ],
)  # fmt: skip
def test_what_cannot_be_understood_is_said(source: str, problem: str, module: Module) -> None:
    with pytest.raises(LongspanError) as caught:
        describe(f"{module(source)}:f")
    assert str(caught.value).startswith(f"steps:f: {problem}")


@pytest.mark.parametrize(
    ("source", "problem"),
    [
        ("raise RuntimeError('one\\ntwo')", "importing 'steps' failed: RuntimeError: one (steps.py:8)"),
        ("import nosuch", "importing 'steps' failed: ModuleNotFoundError: No module named 'nosuch' (steps.py:8)"),
        ("def f(:", "importing 'steps' failed: SyntaxError: invalid syntax (steps.py, line 8) (steps.py:8)"),
        ("import json\njson.loads('{')", "(steps.py:9)"),
        ("import sys\nsys.exit(3)", "importing 'steps' failed: SystemExit: 3 (steps.py:9)"),
        ("raise KeyError()", "importing 'steps' failed: KeyError (steps.py:8)"),
    ],
)  # fmt: skip
def test_an_import_that_fails_points_into_the_users_code(source: str, problem: str, module: Module) -> None:
    with pytest.raises(LongspanError) as caught:
        describe(f"{module(source)}:f")
    assert problem in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_line_is_the_users_even_when_the_mistake_is_deeper(module: Module) -> None:
    module("def broken():\n    return 1 / 0", "inner")
    with pytest.raises(LongspanError, match=r"ZeroDivisionError: division by zero \(inner\.py:9\)"):
        describe(f"{module('import inner' + chr(10) + 'inner.broken()')}:f")


@pytest.mark.parametrize(
    ("run", "problem"),
    [
        ("nowhere:f", "nowhere:f: there is no module 'nowhere' beside the file or installed"),
        ("nowhere.at.all:f", "nowhere.at.all:f: there is no module 'nowhere' beside the file or installed"),
        ("steps", "steps: is not of the form module:attribute"),
        (":f", ":f: is not of the form module:attribute"),
    ],
)
def test_a_step_that_is_not_there_is_said(run: str, problem: str) -> None:
    with pytest.raises(LongspanError) as caught:
        describe(run)
    assert str(caught.value) == problem


def test_a_file_that_python_itself_hides_is_said(module: Module) -> None:
    module("def f(x: bytes) -> str: ...", "json")
    with pytest.raises(LongspanError, match="is not what is imported: a module 'json' of Python .* Rename the file"):
        describe("json:f")
