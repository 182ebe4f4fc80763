"""The other end of the egress socket misbehaves: the call fails by the book, and nothing else does."""

from __future__ import annotations

import asyncio
import gc
import json
import time
import weakref
from collections.abc import Awaitable, Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, TypeVar, cast

import numpy as np
import pytest
import uvloop
from hypothesis import given
from hypothesis import strategies as st

from longspan.base.errors import RequestError
from longspan.serving.admission import SECOND
from longspan.serving.egress import Caller, remote
from longspan.serving.egress.caller import MOST_ANSWER_BYTES, MOST_IDLE
from longspan.serving.exchange import Exchange, current
from longspan.wire.orders import Limits, StepWork
from tests.serving.calling import apart, content, seen
from tests.serving.running import WITHIN, service, step

SAME = step("same", "same")
Ask = Callable[[], Awaitable[dict[str, Any]]]
Serve = Callable[[int, bytes, asyncio.StreamWriter], Awaitable[None]]
T = TypeVar("T")


def served(
    folder: Path,
    serve: Serve,
    use: Callable[[Ask, Caller], Awaitable[T]],
    of: StepWork = SAME,
    given: dict[str, Any] = content(b"x"),
    **changes: Any,
) -> T:
    """Call the step `of`, `given` these inputs. Its unit is `serve`: (number of the request, its bytes, where to
    answer). `changes`: of the step as its caller knows it."""
    path, number = folder / "odd.sock", 0

    async def client(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal number
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = next(line for line in head.split(b"\r\n") if line.startswith(b"content-length: "))
                body = await reader.readexactly(int(length.partition(b": ")[2]))
                number += 1
                await serve(number, head + body, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    async def main() -> T:
        path.unlink(missing_ok=True)
        server = await asyncio.start_unix_server(client, path)
        caller = Caller(str(path), asyncio.get_running_loop())
        there = remote(
            apart(of, **{"repeatable": True} | changes),
            service("graph", of, limits=Limits(time_seconds=5.0)),
            caller,
            outputs=("result",),
        )
        try:
            return await asyncio.wait_for(use(lambda: there.runnable.function(given), caller), WITHIN)
        finally:
            caller.close()
            server.close()

    return uvloop.run(main())


def answering(answer: bytes, *, close: bool = True) -> Serve:
    async def serve(number: int, request: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(answer)
        if close:
            writer.close()

    return serve


async def refused(ask: Ask, caller: Caller) -> RequestError:
    with pytest.raises(RequestError) as caught:
        await ask()
    return caught.value


def http(status: int, body: bytes, *headers: bytes) -> bytes:
    lines = (b"HTTP/1.1 %d X" % status, b"content-length: %d" % len(body), *headers)
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


def outputs(name: str = "result", data: Any = ("x",), shape: Any = (1,)) -> bytes:
    output = {"name": name, "datatype": "BYTES", "shape": shape, "data": data}
    return json.dumps({"model_name": "m", "outputs": [output]}).encode()


@pytest.mark.parametrize(
    ("answer", "status", "problem"),
    [
        (b"", 503, "was cut off before its answer"),
        (b"SSH-2.0-x\r\n", 503, "was cut off before its answer"),
        (http(200, outputs())[:-1], 503, "was cut off before its answer"),
        (
            b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % (MOST_ANSWER_BYTES + 1),
            500,
            "failed: the answer is larger than",
        ),
        (b"HTTP/1.1 200 OK\r\nx: " + b"x" * 100_000, 503, "was cut off"),
        (http(200, b"{}"), 500, "failed: the answer is no inference answer"),
        (http(200, b"\xff"), 500, "failed: the answer is no JSON"),
        (http(200, outputs("other")), 500, "failed: no output is called 'other'"),
        (http(200, outputs(shape=[2], data=["a", "b"])), 500, "dimension 1 is 2, must be 1"),
        (http(200, outputs(), b"inference-header-content-length: soon"), 500, "expected a number of bytes"),
        (http(200, outputs(), b"inference-header-content-length: 999"), 500, "the body has"),
        (b"HTTP/1.1 204 X\r\n\r\n", 500, "its unit answered 204"),
        (http(302, b"", b"location: /elsewhere"), 500, "its unit answered 302"),
        (http(400, b'{"error": "in /etc/passwd"}'), 500, "failed: its unit answered 400"),
        (http(404, b""), 503, "has no replica of this version just now"),
        (http(413, b""), 413, "was given more than its unit takes"),
        (http(422, b'{"error": "no tea"}', b"longspan-by-step: 1"), 422, "no tea"),
        (http(500, b'{"error": "Traceback"}'), 500, "failed: its unit answered 500"),
        (http(502, b""), 503, "takes no more just now"),
        (http(503, b"", b"retry-after: 60"), 503, "takes no more just now"),
        (http(503, b"", b"retry-after: Wed, 21 Oct 2026 07:28:00 GMT"), 503, "takes no more just now"),
        (http(504, b""), 504, "gave no answer within the request's time"),
        (http(507, b""), 500, "its unit answered 507"),
    ],
)
def test_each_odd_answer_has_its_error(answer: bytes, status: int, problem: str, tmp_path: Path) -> None:
    error = served(tmp_path, answering(answer), refused)
    assert (error.status, error.retry_after_seconds) == (status, 1 if status == 503 else None)
    assert problem in error.problem
    assert str(error.__cause__), "what the log will say"
    assert "'same'" in error.problem or status == 422
    assert not any(word in error.problem for word in ("passwd", "Traceback", str(tmp_path)))


def test_an_answer_in_chunks_is_an_answer(tmp_path: Path) -> None:
    body = outputs()
    chunked = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)

    async def asked(ask: Ask, caller: Caller) -> Any:
        return (await ask())["result"].tolist()

    assert served(tmp_path, answering(chunked), asked) == [b"x"]


def test_an_interim_answer_is_none_and_the_next_request_does_not_get_this_ones(tmp_path: Path) -> None:
    """What comes late for one request would else be taken for the answer to another."""

    async def serve(number: int, request: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 X\r\nlink: </x>\r\n\r\n")
        await asyncio.sleep(0)
        writer.write(http(200, outputs(data=[str(number)])))

    async def often(ask: Ask, caller: Caller) -> list[bytes]:
        return [element for _ in range(3) for element in (await ask())["result"].tolist()]

    assert served(tmp_path, serve, often) == [b"1", b"2", b"3"]


@given(st.binary(max_size=60), st.booleans())
def test_whatever_comes_back_the_call_ends_in_outputs_or_an_error(
    tmp_path_factory: pytest.TempPathFactory, tail: bytes, started: bool
) -> None:
    answer = (b"HTTP/1.1 200 OK\r\n" if started else b"") + tail
    error = served(tmp_path_factory.getbasetemp(), answering(answer), refused)
    assert error.status in {500, 503}


def test_a_kept_connection_that_was_closed_costs_a_repeatable_call_nothing(tmp_path: Path) -> None:
    async def serve(number: int, request: bytes, writer: asyncio.StreamWriter) -> None:
        if number != 2:  # the second request meets a connection that is closed without a word
            writer.write(http(200, outputs()))
        else:
            writer.close()

    async def twice(ask: Ask, caller: Caller) -> RequestError | list[bytes]:
        await ask()
        try:
            again: list[bytes] = (await ask())["result"].tolist()
        except RequestError as error:
            return error
        return again

    assert served(tmp_path, serve, twice) == [b"x"]
    error = served(tmp_path, serve, twice, repeatable=False)
    assert isinstance(error, RequestError), "nobody knows whether it had begun"
    assert error.status == 503


def test_a_call_is_not_sent_again_once_something_of_its_answer_has_come(tmp_path: Path) -> None:
    requests = []

    async def serve(number: int, request: bytes, writer: asyncio.StreamWriter) -> None:
        requests.append(number)
        if number == 1:
            writer.write(http(200, outputs()))
        else:
            writer.write(b"HTTP/1.1 2")
            writer.close()

    async def twice(ask: Ask, caller: Caller) -> RequestError:
        await ask()
        return await refused(ask, caller)

    assert served(tmp_path, serve, twice).status == 503
    assert requests == [1, 2]


def test_what_was_not_asked_for_ends_the_connection(tmp_path: Path) -> None:
    async def twice(ask: Ask, caller: Caller) -> list[Any]:
        return [(await ask())["result"].tolist() for _ in range(3)]

    answer = http(200, outputs())
    assert served(tmp_path, answering(answer + answer, close=False), twice) == [[b"x"]] * 3


def test_an_idle_connection_is_kept_for_a_while_and_then_closed(tmp_path: Path) -> None:
    writers = set()

    async def serve(number: int, request: bytes, writer: asyncio.StreamWriter) -> None:
        writers.add(writer)
        writer.write(http(200, outputs()))

    async def rest(ask: Ask, caller: Caller) -> None:
        await ask()
        caller.tick(MOST_IDLE)
        await ask()
        assert len(writers) == 1, "used again, and idle from anew"
        caller.tick(MOST_IDLE)
        caller.tick(1)
        await seen(lambda: all(writer.transport.is_closing() for writer in writers))
        await ask()
        assert len(writers) == 2

    served(tmp_path, serve, rest)


def test_a_kept_connection_does_not_keep_the_request_that_opened_it(tmp_path: Path) -> None:
    async def asked(ask: Ask, caller: Caller) -> None:
        brought = []

        async def one() -> None:
            array = np.zeros(8)
            brought.append(weakref.ref(array))
            endpoint: Any = SimpleNamespace(time_limit=5 * SECOND)
            exchange = Exchange(cast("Any", None), cast("Any", SimpleNamespace(endpoint=endpoint)), {}, keep=True)
            exchange.started, exchange.values = time.monotonic_ns(), {"x": array}
            current.set(exchange)
            await ask()

        await asyncio.gather(*[asyncio.create_task(one()) for _ in range(3)])
        gc.collect()
        await seen(lambda: all(ref() is None for ref in brought))

    served(tmp_path, answering(http(200, outputs()), close=False), asked)
