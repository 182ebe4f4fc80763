"""Python steps as they run: tensors in, tensors out, and every way it can go wrong."""

from __future__ import annotations

import os

import numpy as np
import pytest

from longspan.base.errors import LongspanError
from longspan.serving.runtimes import redact
from longspan.wire.tensors import Tensor
from tests.serving.runtimes.calling import failure, of, step
from tests.serving.runtimes.conftest import Module
from tests.wire.tensors_drawn import same

JSONS, TEXTS = 'Annotated[list[Json], Shape("batch")]', 'Annotated[list[str], Shape("batch")]'
PAIRS, SUMS = 'Annotated[NDArray[np.float32], Shape("batch", 2)]', 'Annotated[NDArray[np.float64], Shape("batch")]'


def test_bytes_go_through_without_a_copy(module: Module) -> None:
    body = os.urandom(1 << 16)
    runnable = step(module("def f(x: bytes) -> bytes:\n    return x"), "x BYTES[1]", "result BYTES[1]")
    assert runnable.call == "sync"
    assert runnable.function({"x": of(body)})["result"][0] is body


@pytest.mark.parametrize("part", ["", "[:]", "[:1]"])
def test_what_a_step_has_given_it_cannot_fill_again(part: str, module: Module) -> None:
    """It may not have been sent yet: another's answer would leave in its place."""
    lines = ("kept = np.zeros(1)", f"def f(x: float) -> {SUMS}:", "    kept[0] = x", f"    return kept{part}")
    runnable = step(module("\n".join(lines)), "x FP64[1]", "result FP64[batch]")
    first = runnable.function({"x": np.array([1.0])})["result"]
    assert failure(runnable, x=np.array([2.0])).problem == (
        "step 's' failed: ValueError: assignment destination is read-only"
    )
    assert first.tolist() == [1.0]


def test_rows_that_were_given_cannot_be_filled_again(module: Module) -> None:
    rows = 'Annotated[list[NDArray[np.float64]], Shape("batch", "~width")]'
    lines = ("kept = np.zeros(3)", f"def f(x: float) -> {rows}:", "    kept[:] = x", "    return [kept[:1], kept[1:]]")
    runnable = step(module("\n".join(lines)), "x FP64[1]", "result FP64[batch, ~width]")
    first = runnable.function({"x": np.array([1.0])})["result"]
    assert "read-only" in failure(runnable, x=np.array([2.0])).problem
    assert [row.tolist() for row in first.arrays] == [[1.0], [1.0, 1.0]]


@pytest.mark.parametrize(
    ("source", "inputs", "outputs", "given_inputs", "result"),
    [
        ("def f(x: str) -> str: return x.upper()", "x TEXT[1]", "result TEXT[1]", of("ü".encode()), of("Ü".encode())),
        ("def f(x: Json) -> Json: return {'n': len(x)}", "x JSON[1]", "result JSON[1]", of(b"[1, 2]"), of(b'{"n":2}')),
        ("def f(x: int) -> float: return x / 2", "x INT64[1]", "result FP64[1]", np.array([3]), np.array([1.5])),
        ("def f(x: bool) -> bool: return not x", "x BOOL[1]", "result BOOL[1]", np.array([True]), np.array([False])),
        ("def f(x: str) -> Json: return np.float32(0.5)", "x TEXT[1]", "result JSON[1]", of(b""), of(b"0.5")),
        ("def f(x: str) -> Json: return [None, np.arange(2)]", "x TEXT[1]", "r JSON[1]", of(b""), of(b"[null,[0,1]]")),
        (
            f"def f(x: {JSONS}) -> {TEXTS}: return [one['a'] for one in x]",
            "x JSON[batch]", "result TEXT[batch]", of(b'{"a": "1"}', b'{"a": "2"}'), of(b"1", b"2"),
        ),
        (
            f"def f(x: {PAIRS}) -> {SUMS}: return x.sum(axis=1)",
            "x FP32[batch, 2]", "result FP64[batch]", np.array([[1, 2], [3, 4]], "f4"), np.array([3.0, 7.0]),
        ),
        # Without annotations the type decides: BYTES [1] is its one element, all else is an array.
        ("def f(x): return x.decode()", "x BYTES[1]", "result TEXT[1]", of(b"a"), of(b"a")),
        ("def f(x): return {'y': x['a']}", "x JSON[1]", "result JSON[1]", of(b'{"a": 1}'), of(b'{"y":1}')),
        ("def f(x): return {'y': x * 2}", "x INT32[n]", "y INT32[n]", np.array([1, 2], "i4"), np.array([2, 4], "i4")),
        ("def f(x): return x.tolist()", "x BYTES[n]", "result BYTES[n]", of(b"a", b"b"), of(b"a", b"b")),
        ("def f(x): return [0, 2**63]", "x BYTES[1]", "y UINT64[n]", of(b""), np.array([0, 2**63], "u8")),
        ("def f(x) -> int: return 7", "x BYTES[1]", "seven INT64[1]", of(b""), np.array([7])),
    ],
)  # fmt: skip
def test_values_are_turned_into_what_a_step_takes_and_back(
    source: str, inputs: str, outputs: str, given_inputs: Tensor, result: Tensor, module: Module
) -> None:
    ((_, came),) = step(module(source), inputs, outputs).function({"x": given_inputs}).items()
    assert same(came, result)


@pytest.mark.parametrize(
    "returned", ["{'a': 1, 'b': 'x'}", "Pair(1, 'x')", "Data(1, 'x')"], ids=["dict", "namedtuple", "dataclass"]
)
@pytest.mark.parametrize("annotation", ["", "-> Typed", "-> Pair", "-> Data"])
def test_outputs_are_named_by_a_dict_a_named_tuple_or_a_dataclass(
    returned: str, annotation: str, module: Module
) -> None:
    source = f"""
    class Typed(TypedDict):
        a: int
        b: str
    class Pair(NamedTuple):
        a: int
        b: str
    @dataclass
    class Data:
        a: int
        b: str
    def f() {annotation}: return {returned}
    """
    came = step(module(source), "", "a INT64[1]; b TEXT[1]").function({})
    assert same(came["a"], np.array([1]))
    assert same(came["b"], of(b"x"))


@pytest.mark.parametrize(
    ("returned", "outputs", "problem"),
    [
        ("{'a': 1}", "a INT64[1]; b INT64[1]", "step 's' gives the outputs a, b; it returned a"),
        ("{'a': 1, 'b': 2, 'c': 3}", "a INT64[1]; b INT64[1]", "step 's' gives the outputs a, b; it returned a, b, c"),
        ("7", "a INT64[1]; b INT64[1]", "step 's' gives the outputs a, b; it returned a int"),
        ("None", "y FP32[n]", "output 'y' of step 's' is FP32[n]; None came, which does not become FP32 without loss"),
        ("np.zeros(3)", "y FP32[n]", "is FP32[n]; an array of float64 came, which does not become FP32 without loss"),
        ("np.zeros(3)", "y FP32[n]", "without loss; cast it with .astype(np.float32) if that is meant"),
        ("np.arange(2)", "y FP64[n]", "is FP64[n]; an array of int64 came, which does not become FP64 without loss"),
        ("np.zeros((3, 2), 'f4')", "y FP32[n]", "output 'y' of step 's' is FP32[n], 1 dimension; shape [3, 2] has 2"),
        ("np.zeros((2, 3), 'f4')", "y FP32[n, 4]", "is FP32[n, 4]; came shape [2, 3]: dimension 2 is 3, must be 4"),
        ("[1, 2.5]", "y INT64[n]", "is INT64[n]; a list of float64 came, which does not become INT64 without loss"),
        ("[1, 300]", "y UINT8[n]", "output 'y' of step 's' is UINT8[n]: Python integer 300 out of bounds for uint8"),
        ("[0, 2**64]", "y UINT64[n]", "output 'y' of step 's' is UINT64[n]: "),
        ("[1e39]", "y FP32[n]", "output 'y' of step 's' is FP32[n]: overflow encountered"),
        ("[[1], [1, 2]]", "y INT64[n, m]", "output 'y' of step 's' is INT64[n, m]; a ragged list came"),
        ("['1.5']", "y FP64[n]", "is FP64[n]; a list of <U3 came, which does not become FP64 without loss"),
        ("1", "y BOOL[1]", "is BOOL[1]; a list of int64 came, which does not become BOOL without loss"),
        ("'text'", "y BYTES[n]", "output 'y' of step 's' is BYTES[n]; a str came: return a list"),
        ("[b'a', 7]", "y BYTES[n]", "output 'y' of step 's' is BYTES[n]; element 1 is an int, neither bytes nor text"),
        ("'\\ud800'", "y TEXT[1]", "output 'y' of step 's' is TEXT[1]; element 0 is text that UTF-8 cannot hold"),
        ("type('A', (), {'__array__': lambda *a, **k: 1 / 0})()", "y FP32[n]", "step 's' failed: ZeroDivisionError"),
        ("np.zeros(2)", "y BYTES[n]", "output 'y' of step 's' is BYTES[n]; an array of float64 came"),
        ("b'{}'", "y JSON[1]", "output 'y' of step 's' is JSON; bytes came: return the value, it is encoded for you"),
        ("{'a': float('nan')}", "y JSON[1]", "'y' of step 's' is JSON, which cannot hold what came: NaN or Infinity"),
        ("[None, np.array([np.inf])]", "y JSON[1]", "is JSON, which cannot hold what came: NaN or Infinity"),
        ("{'a': object()}", "y JSON[1]", "is JSON, which cannot hold what came: objects of type object"),
        ("7", "y JSON[n]", "output 'y' of step 's' is JSON[n]; an int came: return a list"),
    ],
)  # fmt: skip
def test_what_a_step_may_not_return_is_a_500_that_says_what_came(
    returned: str, outputs: str, problem: str, module: Module
) -> None:
    form = ' -> Annotated[list[Json], Shape("n")]' if outputs == "y JSON[n]" else ""
    error = failure(step(module(f"def f(){form}: return {returned}"), "", outputs))
    assert error.status == 500
    assert problem in error.problem


def test_rows_given_must_be_as_many_as_rows_taken(module: Module) -> None:
    runnable = step(module("def f(x): return x[:1]"), "x FP32[batch]", "y FP32[batch]")
    assert failure(runnable, x=np.zeros(3, "f4")).problem == (
        "output 'y' of step 's' is FP32[batch]; came shape [1]: batch is 1 here and 3 elsewhere"
    )


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("raise ValueError('no such\\nthing')", "step 's' failed: ValueError: no such"),
        ("raise KeyError()", "step 's' failed: KeyError"),
        ("open('/srv/secret/place')", "step 's' failed: FileNotFoundError: No such file or directory"),
        ("raise ValueError('see /srv/secret/place.txt')", "step 's' failed: ValueError: see place.txt"),
        ("raise SystemExit(3)", "step 's' failed: SystemExit: 3"),
        ("return f(x)", "step 's' failed: RecursionError: maximum recursion depth exceeded"),
    ],
)
def test_what_a_step_raises_is_told_in_one_line_and_kept_for_the_log(source: str, text: str, module: Module) -> None:
    error = failure(step(module(f"def f(x: bytes) -> bytes:\n    {source}"), "x BYTES[1]", "y BYTES[1]"), x=of(b""))
    assert error.status == 500
    assert error.problem.startswith(text)
    assert "/srv" not in error.problem
    assert error.__cause__ is not None
    assert error.__cause__.__traceback__ is not None


def test_a_long_error_is_cut(module: Module) -> None:
    runnable = step(module("def f() -> int: raise ValueError('x' * 10_000)"), "", "y INT64[1]")
    assert len(failure(runnable).problem) < 400


def test_a_step_may_refuse_a_request_in_its_own_words(module: Module) -> None:
    source = """
    from longspan.base.errors import RequestError
    def f() -> int: raise RequestError(422, "too blurred")
    """
    error = failure(step(module(source), "", "y INT64[1]"))
    assert (error.status, error.problem) == (422, "too blurred")


@pytest.mark.parametrize(
    ("kind", "content", "what"),
    [
        ("Json", b"{", "no JSON: DecodeError"),
        ("Json", b"\xff", "no JSON"),
        ("Json", b"[" * 10_000, "no JSON: RecursionError"),
        ("str", b"\xff", "no UTF-8 text"),
    ],
)
@pytest.mark.parametrize(("source", "status"), [("x", 400), ("before.y", 500)])
def test_content_that_is_not_what_it_should_be_is_the_clients_or_the_step_befores(
    kind: str, content: bytes, what: str, source: str, status: int, module: Module
) -> None:
    tensor = "JSON[1]" if kind == "Json" else "TEXT[1]"
    runnable = step(module(f"def f(x: {kind}) -> int: return 1"), f"x {tensor}", "y INT64[1]", sources={"x": source})
    error = failure(runnable, x=of(content))
    assert error.status == status
    assert f"input 'x' of step 's' is {tensor}; what came is {what}" in error.problem


CLASS = """
class Keyed:
    def __init__(self, key: str, more: dict, top: int = 3):
        if key == "": raise ValueError(f"bad {more}")
        self.key, self.more, self.top = key, more, top
    def __call__(self) -> Json:
        if self.top == 0: raise ValueError(f"cannot use {self.key}")
        return [self.key, self.more, self.top]
"""


def test_a_class_is_made_once_with_its_settings_and_secrets(module: Module) -> None:
    settings = {"key": {"$env": "API_KEY"}, "more": {"list": [{"$env": "OTHER"}, 1]}}
    secrets = {"API_KEY": "s3cret-one", "OTHER": "s3cret-two"}
    runnable = step(module(CLASS), "", "y JSON[1]", attribute="Keyed", settings=settings, secrets=secrets)
    assert runnable.function({})["y"][0] == b'["s3cret-one",{"list":["s3cret-two",1]},3]'
    assert redact("in a log: s3cret-one, s3cret-two") == "in a log: [secret], [secret]"


def test_a_secret_never_stands_in_an_error(module: Module) -> None:
    settings = {"key": {"$env": "API_KEY"}, "more": {}, "top": 0}
    runnable = step(
        module(CLASS), "", "y JSON[1]", attribute="Keyed", settings=settings, secrets={"API_KEY": "s3cret-three"}
    )
    assert failure(runnable).problem == "step 's' failed: ValueError: cannot use [secret]"
    with pytest.raises(LongspanError) as caught:
        step(
            module(CLASS), "", "y JSON[1]", attribute="Keyed",
            settings={"key": "", "more": {"a": {"$env": "K"}}}, secrets={"K": "s3cret-four"},
        )  # fmt: skip
    assert str(caught.value) == "steps:Keyed: step 's' could not be made: ValueError: bad {'a': '[secret]'}"


def test_a_secret_that_was_not_handed_over_is_said(module: Module) -> None:
    with pytest.raises(LongspanError, match="step 's' needs the secret API_KEY, which was not handed over"):
        step(module(CLASS), "", "y JSON[1]", attribute="Keyed", settings={"key": {"$env": "API_KEY"}, "more": {}})


def test_a_step_whose_parameter_the_orders_do_not_know_is_refused(module: Module) -> None:
    with pytest.raises(LongspanError, match="step 's' takes 'z', of which its orders say nothing"):
        step(module("def f(x: bytes, z: bytes) -> bytes: ..."), "x BYTES[1]", "y BYTES[1]")
