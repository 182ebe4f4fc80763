"""One service or model that answers: from a body to its values, from its values to an answer, and the counting.

Answers are OIP inference or natural content; streams are natural content only. Whatever is wrong becomes an OIP
error with its status.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from time import monotonic_ns
from typing import Any

import numpy as np

from longspan.base.errors import RequestError
from longspan.base.signatures import TensorType
from longspan.serving import admission, logs
from longspan.serving.exchange import Exchange
from longspan.serving.graph import Step
from longspan.serving.runner import Lane
from longspan.wire import http1, natural, oip
from longspan.wire.load import BOUNDS_NANOSECONDS
from longspan.wire.orders import Limits

CLIENT_GONE = 499
"""Counted, never sent: the client went before its answer."""

_JSON = b"application/json"
_BINARY = oip.CONTENT_BINARY.encode()
_OK_JSON = http1.template(200, _JSON)
_HEADER_LENGTH = oip.HEADER_LENGTH.encode()


class Counted:
    """What an endpoint has done so far; `pages` brings it to the load page."""

    __slots__ = (
        "bytes_in", "bytes_out", "cancelled", "durations", "nanoseconds", "ok", "refused", "statuses", "timeouts",
        "took",
    )  # fmt: skip

    def __init__(self) -> None:
        self.ok = self.refused = self.timeouts = self.cancelled = 0
        self.bytes_in = self.bytes_out = self.nanoseconds = 0
        self.statuses: dict[int, int] = {}
        """Status -> count, of all that were not `ok`."""
        self.durations = [0] * (len(BOUNDS_NANOSECONDS) + 1)
        self.took: list[int] = []
        """Nanoseconds of each good answer since `settle`."""

    def settle(self) -> None:
        """Sort what `took` holds into the counters."""
        took, self.took = self.took, []
        if took:
            self.ok += len(took)
            self.nanoseconds += sum(took)
            places = np.bincount(np.searchsorted(BOUNDS_NANOSECONDS, took), minlength=len(self.durations))
            self.durations = [before + more for before, more in zip(self.durations, places.tolist(), strict=True)]


class Endpoint:
    """What is called by one name. `lane` and `steps` are set by who assembles the worker, before the first request."""

    lane: Lane
    steps: Sequence[Step]

    def __init__(
        self,
        name: str,
        version: str,
        *,
        inputs: dict[str, TensorType],
        outputs: dict[str, tuple[str, TensorType]],
        negotiator: natural.Negotiator | None,
        streams: bool,
        final: bool,
        limits: Limits,
    ) -> None:
        """`outputs`: name -> (key of its value, see `graph`; type). `negotiator`: None without natural content.

        `final`: the last step gives the answer, name by name (see `graph.Step`).
        """
        self.name, self.version, self.inputs, self.limits = name, version, inputs, limits
        self.output_types = {output: kind for output, (_, kind) in outputs.items()}
        self._keys = {output: key for output, (key, _) in outputs.items()}
        self.streams, self._final = streams, final
        self._negotiator = negotiator
        self._codec = oip.InferCodec(name, version, inputs, self.output_types)
        self.counted = Counted()
        self._time_limit = int(limits.time_seconds * admission.SECOND)

    # In ----------------------------------------------------------------------------------------------------

    def infer(self, exchange: Exchange) -> None:
        """An OIP inference request is whole."""
        self.counted.bytes_in += len(exchange.body)
        try:
            length = exchange.fields.get(_HEADER_LENGTH)
            request = self._codec.decode(exchange.body, None if length is None else _number(length))
            exchange.request, exchange.values = request, request.inputs
            if request.rows != 1 or request.alike:  # else as it was made
                exchange.rows, exchange.alike = request.rows, request.alike
            self.lane.take(exchange)
        except RequestError as error:
            self.fail(exchange, error)

    def stream_instead(self, exchange: Exchange) -> None:
        """OIP inference has one answer; this service gives many."""
        self.fail(exchange, RequestError(400, f"{self.name!r} streams its answer: POST to /v1/services/{self.name}"))

    @property
    def takes_content(self) -> bool:
        """Has it an address for natural content?"""
        return self._negotiator is not None

    def natural(self, exchange: Exchange) -> None:
        """A body of natural content is whole."""
        self.counted.bytes_in += len(exchange.body)
        fields, negotiator = exchange.fields, self._negotiator
        assert negotiator is not None, "only services that accept natural content have the route"
        try:
            if self.streams and not exchange.connection.speaks_chunks:
                raise RequestError(505, "a stream needs HTTP/1.1")
            exchange.media, exchange.output = negotiator.answer_for(_text(fields.get(b"accept")))
            name = negotiator.input_for(_text(fields.get(b"content-type")))
            exchange.values = {name: natural.to_tensor(exchange.body, self.inputs[name])}
            self.lane.take(exchange)
        except RequestError as error:
            self.fail(exchange, error)

    # Out ---------------------------------------------------------------------------------------------------

    def finish(self, exchange: Exchange) -> None:
        """Its steps have run, or one of them has failed."""
        if exchange.error is not None:
            self._failed(exchange, exchange.error)
            return
        if not self._final:
            values = exchange.values
            exchange.outputs = {output: values[key] for output, key in self._keys.items()}
        request, connection = exchange.request, exchange.connection
        try:
            if request is None:
                answer = self._content(exchange)
            else:
                encoded = self._codec.encode(request, exchange.outputs)
                body = encoded.body
                if encoded.header_length is None and exchange.keep and not connection.worker.door.draining:
                    answer = _OK_JSON % (len(body), body)
                else:
                    answer = self._less_common(exchange, encoded)
        except Exception as error:  # noqa: BLE001 - a value that nobody expected fails its own request
            exchange.failed_at = "answer"
            self._failed(exchange, error)
            return
        counted = self.counted
        counted.took.append(monotonic_ns() - exchange.started)
        counted.bytes_out += len(answer)
        connection.answer(exchange, answer)

    def _content(self, exchange: Exchange) -> bytes:
        """The answer to natural content."""
        name = exchange.output
        body = natural.from_tensor(exchange.outputs[name], self.output_types[name], exchange.media)
        keep = exchange.connection.keeps(exchange)
        return http1.response(200, exchange.media.encode(), body, keep_alive=keep)

    def _less_common(self, exchange: Exchange, encoded: oip.Encoded) -> bytes:
        """The answer to an inference request that holds binary tensors, or that ends its connection."""
        keep = exchange.connection.keeps(exchange)
        if encoded.header_length is None:
            return http1.response(200, _JSON, encoded.body, keep_alive=keep)
        length = http1.header(_HEADER_LENGTH, b"%d" % encoded.header_length)
        return http1.response(200, _BINARY, encoded.body, keep_alive=keep, extra=length)

    def _failed(self, exchange: Exchange, error: BaseException) -> None:
        """A step has raised."""
        if not isinstance(error, RequestError):
            logs.failure(error, request=exchange.request_id, step=exchange.failed_at)
            what = f"step {exchange.failed_at!r} failed: {type(error).__name__}"
            error = RequestError(500, f"{what} (the log of {self.name!r} says more)")
        elif error.status >= 500:
            logs.failure(error, request=exchange.request_id, step=exchange.failed_at)
        self.fail(exchange, error)

    def fail(self, exchange: Exchange, error: RequestError) -> None:
        """Answer with the error; after the first byte of a stream, say it as the media type can, and cut."""
        counted = self.counted
        if error.status == 503:
            counted.refused += 1
        if error.status == 504:
            counted.timeouts += 1
        if exchange.begun:
            self._count(exchange, error.status)
            exchange.connection.cut(exchange, http1.stream_chunk(natural.error_chunk(error.problem, exchange.media)))
            return
        answer = refusal(error, keep_alive=exchange.connection.keeps(exchange))
        counted.bytes_out += len(answer)
        self._count(exchange, error.status)
        exchange.connection.answer(exchange, answer)

    def gone(self, exchange: Exchange) -> None:
        """The client has left: what waits is not run, what runs is thrown away."""
        exchange.done = True
        self.lane.drop(exchange)
        self.counted.cancelled += 1
        self._count(exchange, CLIENT_GONE)

    def sweep(self, now: int) -> bool:
        """Answer 504 to what has taken too long. True when something still waits or runs."""
        for exchange in self.lane.late(now - self._time_limit):
            self.fail(exchange, admission.late(self.name, self.limits.time_seconds))
        return self.lane.load()[1] > 0

    def _count(self, exchange: Exchange, status: int) -> None:
        counted = self.counted
        took = monotonic_ns() - exchange.started
        counted.statuses[status] = counted.statuses.get(status, 0) + 1
        counted.durations[bisect_left(BOUNDS_NANOSECONDS, took)] += 1
        counted.nanoseconds += took

    # Streams -----------------------------------------------------------------------------------------------

    async def open(self, exchange: Exchange) -> None:
        connection = exchange.connection
        await connection.turn(exchange)
        exchange.begun = True
        head = http1.stream_head(200, exchange.media.encode(), keep_alive=connection.keeps(exchange))
        connection.push(head)

    async def send(self, exchange: Exchange, value: dict[str, Any]) -> None:
        output = exchange.output
        # A step names its outputs itself; a stream's only step is the one that the service's outputs come from.
        array = value[self._keys[output].rpartition(".")[2]]
        data = natural.chunk(natural.from_tensor(array, self.output_types[output], exchange.media), exchange.media)
        self.counted.bytes_out += len(data)
        connection = exchange.connection
        connection.push(http1.stream_chunk(data))
        await connection.drained()

    def end(self, exchange: Exchange) -> None:
        self._count(exchange, 200)
        exchange.connection.answer(exchange, http1.LAST_CHUNK)


def refusal(error: RequestError, *, keep_alive: bool, extra: bytes = b"") -> bytes:
    """The whole answer that says so."""
    if error.retry_after_seconds is not None:
        extra += http1.header(b"retry-after", b"%d" % error.retry_after_seconds)
    return http1.response(error.status, _JSON, oip.error_body(error.problem), keep_alive=keep_alive, extra=extra)


def _number(text: bytes) -> int:
    if not text.isdigit() or len(text) > 18:
        raise RequestError(400, f"{oip.HEADER_LENGTH} is {text[:40]!r}, expected a number of bytes")
    return int(text)


def _text(field: bytes | None) -> str | None:
    return None if field is None else field.decode("latin-1")
