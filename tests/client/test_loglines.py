"""Does every log line reach its reader whole, whoever wrote it?"""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from longspan.client.loglines import readable, split

PRINTED = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\n"), max_size=20)


@given(lines=st.lists(PRINTED, max_size=8), cuts=st.lists(st.integers(1, 9)))
def test_pieces_that_end_anywhere_are_whole_lines_again(lines: list[str], cuts: list[int]) -> None:
    body = "".join(f"{line}\n" for line in lines).encode()
    pieces = []
    for cut in cuts:
        pieces.append(body[:cut])
        body = body[cut:]
    assert list(split([*pieces, body])) == lines


def test_a_last_line_without_an_end_is_told_too() -> None:
    assert list(split([b"one\ntw", b"o"])) == ["one", "two"]


@pytest.mark.parametrize(
    ("record", "lines"),
    [
        (
            {"at": "2026-11-24T10:19:46.514+00:00", "level": "info", "message": "drained"},
            ["2026-11-24T10:19:46.514Z info drained"],
        ),
        (
            {"at": "A", "level": "error", "request": "r1", "step": "read", "message": "Trace\n  boom", "dropped": 3},
            ["A error read [r1] (3 records were left out before this one) Trace", "      boom"],
        ),
        (
            {
                "time": "T", "request": "r1", "method": "POST", "path": "/v1/services/a", "status": 200, "ms": 1,
                "received": 3, "sent": 8, "replica": "run/a/0.sock", "attempts": 2, "flags": "-",
            },
            ["T [r1] POST /v1/services/a 200: 1 ms, 3 B in, 8 B out by run/a/0.sock after 2 attempts"],
        ),
        ({"message": ""}, [""]),
        ({"some": "other"}, ['{"some": "other"}']),
    ],
)  # fmt: skip
def test_records_become_lines_for_people(record: dict[str, object], lines: list[str]) -> None:
    text = json.dumps(record)
    assert readable(text) == lines
    assert readable(f"flower-0 | {text}") == [f"flower-0 | {line}" for line in lines]


@pytest.mark.parametrize("line", ["", "plain words", "a | plain words", "[1, 2]", "flower-0 | ", "{not json"])
def test_whatever_is_no_record_is_shown_as_it_is(line: str) -> None:
    assert readable(line) == [line]


def test_a_record_that_was_cut_off_still_shows_its_traceback_as_lines() -> None:
    assert readable('{"message": "Traceback\\n  File \\"a.py\\"\\n  boo') == [
        '{"message": "Traceback',
        '      File "a.py"',
        "      boo",
    ]


@given(line=st.text())
def test_no_line_is_too_odd_to_show(line: str) -> None:
    assert readable(line)


def test_what_would_command_a_terminal_is_quoted() -> None:
    assert readable("hello-0 | \x1b[2J\x9b31mred\x07\r\tand \x7f") == [
        "hello-0 | \\x1b[2J\\x9b31mred\\x07\\x0d\tand \\x7f"
    ]
    (line,) = readable('hello-0 | {"message": "\\u001b]0;title\\u0007"}')
    assert line == "hello-0 | \\x1b]0;title\\x07"
