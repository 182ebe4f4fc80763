"""The dialect of the file: YAML 1.2, one document, nothing that multiplies without bound."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from longspan.base.errors import Invalid
from longspan.spec.text import DEPTH_LIMIT, NODE_LIMIT, SIZE_LIMIT, read


def value(text: str) -> Any:
    tree = read(f"a: {text}\n", "f")
    assert tree.complaints == ()
    return tree.data["a"]


def problem(text: str | bytes) -> str:
    with pytest.raises(Invalid) as raised:
        read(text, "f")
    return str(raised.value)


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("", None),
        ("~", None),
        ("null", None),
        ("true", True),
        ("FALSE", False),
        ("yes", "yes"),
        ("on", "on"),
        ("12", 12),
        ("-12", -12),
        ("010", 10),
        ("0o10", 8),
        ("0xFf", 255),
        ("1_000", "1_000"),
        ("1.10", 1.1),
        ("1e3", 1000.0),
        (".5", 0.5),
        ("1.0.3", "1.0.3"),
        ("60s", "60s"),
        ("12:30:45", "12:30:45"),
        ("2026-11-24", "2026-11-24"),
        ("=", "="),
        ('"12"', "12"),
        ("'true'", "true"),
        ("FP32[batch, 16]", "FP32[batch, 16]"),
        ("${env:TOKEN}", "${env:TOKEN}"),
        ("|\n  two\n  lines", "two\nlines\n"),
    ],
)
def test_a_scalar_means_what_yaml_1_2_says(text: str, meant: object) -> None:
    assert value(text) == meant
    assert type(value(text)) is type(meant)


def test_a_key_is_text_whatever_it_looks_like() -> None:
    assert list(read("1: a\ntrue: b\nnull: c\n", "f").data) == ["1", "true", "null"]


def test_a_mapping_keeps_the_order_of_the_file() -> None:
    assert list(read("z: 1\na: 2\nm: 3\n", "f").data) == ["z", "a", "m"]


def test_each_thing_is_found_where_it_was_written() -> None:
    tree = read("a:\n  b: [1, x]\n  'c d': {e: }\n", "f")
    places = {path: tuple(place[:4]) for path, place in tree.places.at.items()}
    assert places == {
        (): (1, 1, 1, 1),
        ("a",): (2, 3, 1, 1),
        ("a", "b"): (2, 6, 2, 3),
        ("a", "b", 0): (2, 7, 2, 7),
        ("a", "b", 1): (2, 10, 2, 10),
        ("a", "c d"): (3, 10, 3, 3),
        ("a", "c d", "e"): (3, 11, 3, 11),
    }


def test_windows_line_ends_and_a_byte_order_mark_change_nothing() -> None:
    plain, windows = read("a: 1\nb:\n  c: 2\n", "f"), read(b"\xef\xbb\xbfa: 1\r\nb:\r\n  c: 2\r\n", "f")
    assert (plain.data, plain.places) == (windows.data, windows.places)


def test_an_alias_repeats_a_value_and_points_at_where_it_was_written() -> None:
    tree = read("a: &x\n  b: 1\nc: *x\n", "f")
    assert tree.data["c"] == {"b": 1}
    assert tree.places.at["c", "b"].line == 2


def test_aliases_that_multiply_are_refused_before_they_do() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 12)]
    assert f"holds more than {NODE_LIMIT:,} values" in problem("\n".join(lines))


def test_what_lies_too_deep_is_refused_however_deep_it_is() -> None:
    assert read(f"{'[' * DEPTH_LIMIT}{']' * DEPTH_LIMIT}", "f").complaints == ()
    for text in ("[" * (DEPTH_LIMIT + 1), "[" * 100_000, '{"a": ' * 40_000, "- " * 100_000):
        assert f"more than {DEPTH_LIMIT} levels deep" in problem(text)


def test_a_file_that_is_too_large_is_not_even_parsed() -> None:
    assert "over the limit of 256KiB" in problem("#" * (SIZE_LIMIT + 1))
    assert "over the limit of 256KiB" in problem(b"\xff" * (SIZE_LIMIT + 1))


def test_bytes_that_are_no_utf_8_are_told_with_their_place() -> None:
    assert problem(b"a: 1\nb: \xff\n").startswith("f:2:4: is not UTF-8 text here")


def test_what_a_terminal_would_obey_is_shown_escaped() -> None:
    complaints = read('"\\e[31mred": 1\n"\\e[31mred": 2\n', "f").complaints
    assert "\x1b" not in str(complaints[0])
    assert "\\x1b[31mred" in str(complaints[0])


@pytest.mark.parametrize(("before", "place"), [("", "f:1:1"), ("a: 1\n...\n", "f:3:1")])
def test_a_directive_that_the_parser_knows_nothing_of_is_told_with_its_place(before: str, place: str) -> None:
    assert problem(f"{before}%YAML 1.5\n---\nb: 1\n").startswith(f"{place}: has a directive that is none")


@given(st.text(max_size=200) | st.text("a1:-?[]{},#&*!|>'\"%@`\\ \n\t~.", max_size=80))
def test_any_text_is_read_or_complained_about(text: str) -> None:
    try:
        tree = read(text, "f")
    except Invalid as invalid:
        complaints = invalid.complaints
    else:
        complaints = tree.complaints
    assert all(complaint.line >= 1 and complaint.column >= 1 for complaint in complaints)


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_complained_about(data: bytes) -> None:
    with suppress(Invalid):
        assert read(data, "f").places.file == "f"
