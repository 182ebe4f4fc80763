"""One service or model that answers: from a body to its values, from its values to an answer, and the counting.

Answers are OIP inference or natural content; streams are natural content only. Whatever is wrong becomes an OIP
error with its status.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from time import monotonic_ns
from typing import Any

from longspan.base.errors import RequestError
from longspan.base.signatures import TensorType
from longspan.serving import admission, logs
from longspan.serving.admission import Edge
from longspan.serving.counted import Counted
from longspan.serving.exchange import Exchange
from longspan.serving.graph import Step
from longspan.serving.refusals import refusal, told_as
from longspan.serving.runner import Lane
from longspan.wire import http1, natural, oip
from longspan.wire.orders import Limits
from longspan.wire.tensors import Buffer

CLIENT_GONE = 499
"""Counted, never sent: the client went before its answer."""
BY_STEP = b"longspan-by-step"
"""Header of an internal endpoint's refusal when it was the step that refused: then it is the answer's own status."""

_JSON = b"application/json"
_BINARY = oip.CONTENT_BINARY.encode()
_OK_JSON = http1.template(200, _JSON)
_HEADER_LENGTH = oip.HEADER_LENGTH.encode()
_BY_STEP_LINE = http1.header(BY_STEP, b"1")
_AS_THEY_ARE = 64 << 10
"""Bytes of binary tensors from which on they are sent from where they lie: for fewer a copy costs less."""


class Endpoint:
    """What is called by one name.

    `lane`, `steps` and `edges` are set by who assembles the worker, before its routes are built.
    """

    lane: Lane
    steps: Sequence[Step]
    edges: Sequence[Edge] = ()
    """To the steps that run in other units."""

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
        internal: bool = False,
        optional: Sequence[str] = (),
    ) -> None:
        """`outputs`: name -> (key of its value, see `graph`; type). `negotiator`: None without natural content.

        `final`: the last step gives the answer, name by name (see `graph.Step`). `internal`: a step apart, called by
        another worker; only then may inputs that are `optional` be left out, which are then not among the values.
        """
        self.name, self.version, self.inputs, self.limits = name, version, inputs, limits
        self.output_types = {output: kind for output, (_, kind) in outputs.items()}
        self._keys = {output: key for output, (key, _) in outputs.items()}
        self.streams, self._final = streams, final
        self._negotiator = negotiator
        self.internal = internal
        self.body_bytes = limits.call_bytes if internal else limits.body_bytes
        """How large a request may be."""
        # What one step gives another may be empty, apart as in one process.
        least = 0 if internal else 1
        self._codec = oip.InferCodec(name, version, inputs, self.output_types, optional=optional, least=least)
        self.counted = Counted()
        self.time_limit = int(limits.time_seconds * admission.SECOND)
        """Nanoseconds."""

    # In ----------------------------------------------------------------------------------------------------

    def at_the_door(self, take: Callable[[Exchange], None]) -> Callable[[Exchange], None]:
        """`take`, after a look at the edges: what would be stuck in the middle is refused here.

        Also what would turn out not to need that step: nobody knows that before the steps have run.
        """
        edges = self.edges
        if not edges:
            return take

        def look(exchange: Exchange) -> None:
            for edge in edges:
                if edge.closed(exchange.started):
                    self.fail(exchange, admission.clogged(self.name, edge.step))
                    return
            take(exchange)

        return look

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
            exchange.values = {name: natural.to_tensor(bytes(exchange.body), self.inputs[name])}
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
        answer: Any  # bytes, or several of them
        try:
            if request is None:
                answer = self._content(exchange)
            else:
                encoded = self._codec.encode(request, exchange.outputs)
                if encoded.header_length is None and exchange.keep and not connection.worker.door.draining:
                    answer = _OK_JSON % (len(encoded.head), encoded.head)
                else:
                    answer = self._less_common(exchange, encoded)
        except Exception as error:  # noqa: BLE001 - a value that nobody expected fails its own request
            exchange.failed_at = "answer"
            self._failed(exchange, error)
            return
        counted = self.counted
        counted.took.append(monotonic_ns() - exchange.started)
        if answer.__class__ is bytes:
            counted.bytes_out += len(answer)
            connection.answer(exchange, answer)
        else:
            counted.bytes_out += sum(map(len, answer))
            connection.answer_in_parts(exchange, answer)

    def _content(self, exchange: Exchange) -> bytes:
        """The answer to natural content."""
        name = exchange.output
        body = natural.from_tensor(exchange.outputs[name], self.output_types[name], exchange.media)
        keep = exchange.connection.keeps(exchange)
        return http1.response(200, exchange.media.encode(), body, keep_alive=keep)

    def _less_common(self, exchange: Exchange, encoded: oip.Encoded) -> bytes | tuple[Buffer, ...]:
        """The answer to an inference request that holds binary tensors, or that ends its connection."""
        keep = exchange.connection.keeps(exchange)
        if encoded.header_length is None:
            return http1.response(200, _JSON, encoded.head, keep_alive=keep)
        length = http1.header(_HEADER_LENGTH, b"%d" % encoded.header_length)
        size = encoded.header_length + sum(map(len, encoded.tensors))
        head = http1.response_head(200, _BINARY, size, keep_alive=keep, extra=length)
        parts = (head, encoded.head, *encoded.tensors)
        return b"".join(parts) if size < _AS_THEY_ARE else parts

    def _failed(self, exchange: Exchange, error: BaseException) -> None:
        """A step has raised."""
        if isinstance(error, RequestError):
            error = told_as(error)
        if not isinstance(error, RequestError):
            logs.failure(error, request=exchange.request_id, step=exchange.failed_at)
            what = f"step {exchange.failed_at!r} failed: {type(error).__name__}"
            error = RequestError(500, f"{what} (the log of {self.name!r} says more)")
        elif error.status >= 500:
            logs.failure(error, request=exchange.request_id, step=exchange.failed_at)
        self.fail(exchange, error, _BY_STEP_LINE if self.internal else b"")
        # Its traceback knows the request: a ring that would keep the body until the collector comes.
        exchange.error = None

    def fail(self, exchange: Exchange, error: RequestError, extra: bytes = b"") -> None:
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
        answer = refusal(error, keep_alive=exchange.connection.keeps(exchange), extra=extra)
        counted.bytes_out += len(answer)
        self._count(exchange, error.status)
        exchange.connection.answer(exchange, answer)

    def turned_away(self, error: RequestError, began: int) -> None:
        """Its connection has answered a request with that before it was whole; its first part came at `began`."""
        self.counted.refused += error.status == 503
        self.counted.count(error.status, monotonic_ns() - began if began else 0)

    def gone(self, exchange: Exchange) -> None:
        """The client has left: what waits is not run, what runs is thrown away."""
        exchange.done = True
        self.lane.drop(exchange)
        self.counted.cancelled += 1
        self._count(exchange, CLIENT_GONE)

    def sweep(self, now: int) -> bool:
        """Answer 504 to what has taken too long. True when something still waits or runs."""
        for exchange in self.lane.late(now - self.time_limit):
            self.too_late(exchange)
        return self.lane.load()[1] > 0

    def too_late(self, exchange: Exchange) -> None:
        """Answer 504 to one that its lane has dropped, or will not run."""
        self.fail(exchange, admission.late(self.name, exchange.left / admission.SECOND))

    def _count(self, exchange: Exchange, status: int) -> None:
        self.counted.count(status, monotonic_ns() - exchange.started)

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


def _number(text: bytes) -> int:
    if not text.isdigit() or len(text) > 18:
        raise RequestError(400, f"{oip.HEADER_LENGTH} is {text[:40].decode('latin-1')!r}, expected a number of bytes")
    return int(text)


def _text(field: bytes | None) -> str | None:
    return None if field is None else field.decode("latin-1")
