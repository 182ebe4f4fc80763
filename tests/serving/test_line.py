"""Who may join the line before a thread, and who is refused at its end."""

from __future__ import annotations

from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from longspan.base.errors import RequestError
from longspan.serving.admission import SECOND
from longspan.serving.exchange import CONNECTION, Exchange
from longspan.serving.line import LONGEST, RUSH, SHARE, SHORTEST, Line, patience
from tests.serving.one_chain import NOWHERE

EACH = SECOND // 50
HOUR = 3600 * SECOND


def line(each: int = EACH) -> Line:
    """A line whose requests take 20 ms."""
    made = Line("x")
    if each:
        made.ran(1, each)
    return made


def fill(made: Line, count: int, *, at: int = 0, bound: int = 256, left: int = HOUR) -> int:
    """How many of `count` join it, one after the other, from an empty one."""
    joined = 0
    for _ in range(count):
        try:
            made.join(joined, bound, 1, at, left, b"")
        except RequestError:
            return joined
        joined += 1
    return joined


def test_a_rush_is_taken_in_as_far_as_the_line_holds() -> None:
    assert fill(line(), 300) == 256
    with pytest.raises(RequestError, match="256 requests wait already") as refused:
        line().join(256, 256, 1, 0, HOUR, b"")
    assert (refused.value.status, refused.value.retry_after_seconds) == (503, 1)


def test_the_longer_a_line_has_stood_the_less_one_may_have_to_wait() -> None:
    stood = [RUSH - 1, RUSH, RUSH + 3 * SECOND, RUSH + 60 * SECOND]
    assert [patience(one) for one in stood] == [None, LONGEST, LONGEST - 3 * SECOND // 2, SHORTEST]
    made = line()
    assert fill(made, 100) == 100
    assert [made.places(256, 1, one, HOUR) for one in stood] == [256, 150, 75, 25]
    with pytest.raises(RequestError, match=r"a request would wait 2 s now") as refused:
        made.join(100, 256, 1, RUSH + 60 * SECOND, HOUR, b"")
    assert refused.value.retry_after_seconds == 2


def test_a_line_that_was_empty_for_a_moment_has_not_stood() -> None:
    made = line()
    made.join(0, 256, 1, 0, HOUR, b"")
    made.join(0, 256, 1, 100 * SECOND, HOUR, b"")
    made.join(200, 256, 1, 101 * SECOND, HOUR, b"")


def test_what_could_not_be_answered_in_its_time_is_refused() -> None:
    assert fill(line(), 300, left=SECOND) == 49
    assert fill(line(0), 300, left=SECOND) == 256, "before anything has run nobody knows"


def test_as_many_as_run_together_may_always_wait() -> None:
    made = Line("x")
    made.ran(8, 8 * 10 * SECOND)
    for waiting in range(8):
        made.join(waiting, 256, 8, 0, SECOND, b"")
    with pytest.raises(RequestError):
        made.join(8, 256, 8, 0, SECOND, b"")


def test_a_greedy_connection_leaves_places_to_the_others() -> None:
    made = line()
    joined = 0
    with pytest.raises(RequestError, match="requests of this connection wait already"):
        for _ in range(256):
            made.join(joined, 256, 1, 0, HOUR, b"greedy")
            joined += 1
    assert joined == -(-256 * SHARE // (SHARE + 1))
    for number in range(256 - joined):
        made.join(joined + number, 256, 1, 0, HOUR, b"modest %d" % number)


def test_what_has_left_the_line_counts_no_more() -> None:
    made = line()
    made.join(0, 256, 1, 0, HOUR, b"a")
    for waiting in range(1, 171):
        made.join(waiting, 256, 1, 0, HOUR, b"a")
    with pytest.raises(RequestError):
        made.join(171, 256, 1, 0, HOUR, b"a")
    for _ in range(150):
        made.leave(b"a")
    made.join(21, 256, 1, 0, HOUR, b"a")
    made.leave(b"never came")


def test_connections_take_turns_and_one_with_many_streams_keeps_nobody_waiting() -> None:
    made, waiting = line(), list[Exchange]()
    for connection in [b"greedy"] * 10 + [b"one", b"two", b"greedy", b"one", b""]:
        exchange = Exchange(cast("Any", None), NOWHERE, {CONNECTION: connection}, keep=True)
        made.put(waiting, exchange, 256, 1)
    names = [one.connection_id for one in waiting]
    assert names[:4] == [b"greedy", b"one", b"two", b""]
    assert names[4:6] == [b"greedy", b"one"]
    assert [one.turn for one in waiting] == sorted(one.turn for one in waiting)
    for _ in range(6):
        made.enter([waiting.pop(0)])
    late = Exchange(cast("Any", None), NOWHERE, {CONNECTION: b"late"}, keep=True)
    made.put(waiting, late, 256, 1)
    assert waiting.index(late) <= 1, "whoever comes late takes the turn that is on"


def test_those_that_ask_for_one_thing_at_a_time_go_in_the_order_in_which_they_come() -> None:
    made, waiting = line(), list[Exchange]()
    came = [Exchange(cast("Any", None), NOWHERE, {CONNECTION: b"%d" % n}, keep=True) for n in range(20)]
    for exchange in came:
        made.put(waiting, exchange, 256, 1)
    assert waiting == came


@given(st.lists(st.sampled_from([b"", b"a", b"b", b"c"]), max_size=300), st.integers(1, 40), st.integers(0, EACH))
def test_no_more_than_the_bound_ever_wait_and_one_that_has_none_finds_a_place_as_long_as_there_is_one(
    connections: list[bytes], bound: int, each: int
) -> None:
    made, waiting = line(each), list[bytes]()
    for connection in connections:
        try:
            made.join(len(waiting), bound, 1, 0, HOUR, connection)
            waiting.append(connection)
        except RequestError:
            assert len(waiting) == bound or connection in waiting
    assert len(waiting) <= bound
