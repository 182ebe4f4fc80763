"""When is a call tried again, and how often at most?"""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from longspan.base.errors import LongspanError, RequestError, Unreachable
from longspan.client.retries import Cut, NotOpened, Retries, Retry
from tests.client.answering import Answering, whole

QUICK = Retry(first_seconds=0.001)
BUSY = RequestError(503, "busy", retry_after_seconds=2)


def wait(
    error: LongspanError, *, attempt: int = 1, left: float = 60.0, repeatable: bool = False, policy: Retry | None = None
) -> float | None:
    """What a fresh client with the highest draw does."""
    return Retries(policy or Retry(), lambda: 1.0).wait(error, attempt, left, repeatable=repeatable)


@pytest.mark.parametrize("error", [NotOpened("refused"), BUSY])
def test_what_was_not_begun_may_always_be_tried_again(error: LongspanError) -> None:
    assert wait(error) is not None


def test_what_may_be_half_done_is_tried_again_only_where_that_does_no_harm() -> None:
    assert wait(Cut("cut")) is None
    assert wait(Cut("cut"), repeatable=True) is not None


@pytest.mark.parametrize(
    "error",
    [RequestError(503, "cut off at work"), RequestError(500, "x"), RequestError(429, "x"), Unreachable("late")],
    ids=str,
)
def test_what_would_not_help_or_might_harm_is_never_tried_again(error: LongspanError) -> None:
    assert wait(error, repeatable=True) is None


def test_waits_double_up_to_their_bound_and_a_retry_after_comes_before_them() -> None:
    policy = Retry(attempts=99, first_seconds=0.5, most_seconds=3, least=99)
    bounds = [wait(NotOpened("x"), attempt=attempt, policy=policy) for attempt in (1, 2, 3, 4, 50)]
    assert bounds == [0.5, 1, 2, 3, 3]
    assert wait(BUSY, policy=policy) == 2.5


def test_nobody_waits_beyond_the_time_of_the_call_or_its_attempts() -> None:
    assert wait(BUSY, left=2.04) is None
    assert wait(BUSY, left=2.06) == pytest.approx(2.05)
    assert wait(NotOpened("x"), attempt=4) is None
    assert Retries(None).wait(NotOpened("x"), 1, 60.0, repeatable=True) is None


@given(calls=st.lists(st.integers(0, 5), max_size=300), share=st.floats(0, 1), least=st.floats(0, 20))
def test_retries_stay_within_their_share_of_the_calls(calls: list[int], share: float, least: float) -> None:
    """`calls`: how often each would like to be tried again."""
    retries = Retries(Retry(attempts=99, share=share, least=least), lambda: 0.0)
    made = 0
    for wishes in calls:
        retries.called()
        for _ in range(wishes):
            made += retries.wait(NotOpened("x"), 1, 60.0, repeatable=False) is not None
    assert made <= least + share * len(calls) + 1e-6


def test_a_busy_gateway_is_asked_again_until_it_answers(make: Callable[..., Any]) -> None:
    server = Answering({"POST /v1/services/s": whole(b"{}", 503, retry_after="0")})
    with server.on_tcp() as url:
        server.then["POST /v1/services/s"] = [whole(b"{}", 503, retry_after="0"), whole(b"done")]
        assert make(url, retry=QUICK).send("s", b"").body == b"done"
    assert len(server.asked) == 3


def test_without_retries_it_is_asked_once(make: Callable[..., Any]) -> None:
    server = Answering({"POST /v1/services/s": whole(b"{}", 503, retry_after="0")})
    with server.on_tcp() as url, pytest.raises(RequestError):
        make(url, retry=None).send("s", b"")
    assert len(server.asked) == 1


def test_a_gateway_that_is_not_there_yet_is_waited_for(make: Callable[..., Any]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    client = make(
        f"http://127.0.0.1:{port}", retry=Retry(attempts=1000, least=1000, first_seconds=0.02, most_seconds=0.02)
    )
    server = Answering({"POST /v1/services/s": whole(b"here")})
    thread = threading.Thread(target=lambda: got.append(client.send("s", b"").body))
    got: list[bytes] = []
    thread.start()
    with server.on_tcp(port):
        thread.join(5)
    assert got == [b"here"]


def test_a_connection_that_was_cut_is_renewed_only_for_what_may_run_twice(make: Callable[..., Any]) -> None:
    answered = b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\n!"
    for repeatable, answers in ((True, [b"HTTP/1.1 200 OK\r\n", b"", answered]), (False, [b""])):
        asked: list[bytes] = []
        with socket.create_server(("127.0.0.1", 0)) as listening:
            listening.settimeout(5)
            thread = threading.Thread(target=_serve, args=(listening, answers, asked))
            thread.start()
            client = make(f"http://127.0.0.1:{listening.getsockname()[1]}", retry=QUICK)
            if repeatable:
                assert client.send("s", b"", repeatable=True).body == b"!"
            else:
                with pytest.raises(Unreachable):
                    client.send("s", b"")
            thread.join()
        assert len(asked) == len(answers)


def _serve(listening: socket.socket, answers: list[bytes], asked: list[bytes]) -> None:
    for answer in answers:
        connection, _ = listening.accept()
        with connection:
            asked.append(connection.recv(1 << 16))
            connection.sendall(answer)
