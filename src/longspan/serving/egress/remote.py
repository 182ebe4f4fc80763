"""A step that runs in another unit, as something to call: arrays in by name, arrays out.

The call goes under the ids of the request that it is made for and within what is left of its time, which the unit is
told (`longspan-timeout-ms`). A worker looks for what is late every quarter of a second, so the unit may give up that
much later than it should; the caller does not wait for that.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from time import monotonic_ns
from typing import Any

from longspan.base.errors import RequestError
from longspan.serving import admission
from longspan.serving.admission import SECOND, Edge
from longspan.serving.egress import verdict
from longspan.serving.egress.caller import Caller, Unreachable
from longspan.serving.egress.connection import Answer, Lost, TooLarge
from longspan.serving.egress.suspected import CutTwice, Suspects, cut
from longspan.serving.egress.verdict import Said
from longspan.serving.endpoint import BY_STEP
from longspan.serving.exchange import current
from longspan.serving.heads import TIMEOUT
from longspan.serving.runtimes import Runnable
from longspan.wire import http1, oip
from longspan.wire.orders import ServiceWork, StepWork
from longspan.wire.tensors import Buffer, Tensor, TensorError

_HEADER_LENGTH = oip.HEADER_LENGTH.encode()
_HEAD = b"POST /v2/models/%b/versions/%b/infer HTTP/1.1\r\nhost: egress\r\ncontent-type: " + b"%b\r\n"
_LENGTHS = b"content-length: %d\r\n" + _HEADER_LENGTH + b": %d\r\n" + TIMEOUT + b": %d\r\n"
_LENGTH = b"content-length: %d\r\n" + TIMEOUT + b": %d\r\n"
MOST_JSON_BYTES = 16 << 20
"""Of an answer of somebody else's server: a list takes many times its text, and decoding it holds up the others."""
_IDS = (b"x-request-id", b"traceparent")
_MILLISECOND = SECOND // 1000
EARLY = 20
"""Milliseconds before the end at which a call is given up, at most: else the sweep might answer for the whole request
first, and would not know which step it was."""


@dataclass(frozen=True, slots=True)
class Remote:
    """A step apart."""

    runnable: Runnable
    """Always ``async``; raises `RequestError` with the step's name in its text."""
    edge: Edge
    """The way to it: its calls under way, and whether more may come."""


def remote(step: StepWork, service: ServiceWork, caller: Caller, *, outputs: Sequence[str]) -> Remote:
    """The step of `service` that runs in `step.unit`. `outputs`: those that somebody uses; only they are asked for."""
    edge = Edge(step.name, service.limits.queue)
    return Remote(Runnable(step.name, "async", step.signature, _Call(step, service, caller, edge, outputs)), edge)


class _Call:
    """Calls one step."""

    def __init__(
        self, step: StepWork, service: ServiceWork, caller: Caller, edge: Edge, outputs: Sequence[str]
    ) -> None:
        signature = step.signature
        # Not every server of other people can leave an output out.
        asked = signature.outputs if step.foreign else {name: signature.outputs[name] for name in outputs}
        self._codec = oip.CallCodec(signature.inputs, asked, optional=signature.optional, binary=step.binary)
        content = oip.CONTENT_BINARY if step.binary else oip.CONTENT_JSON
        self._head = _HEAD % (step.unit.encode(), step.version.encode(), content.encode())
        self._foreign, self._binary = step.foreign, step.binary
        self._of_client = frozenset(name for name, source in step.inputs.items() if source in service.inputs)
        self._name, self._repeatable = step.name, step.repeatable
        self._caller, self._edge = caller, edge
        self._suspects = Suspects(caller) if step.foreign and step.repeatable else None
        self._service = service.name
        self._most_bytes, self._time_limit = service.limits.call_bytes, int(service.limits.time_seconds * SECOND)

    async def __call__(self, inputs: dict[str, Any]) -> dict[str, Tensor]:
        """Raises `RequestError`."""
        try:
            asked = self._codec.encode(inputs)
        except oip.NotJson as error:
            by_client = error.input in self._of_client
            raise verdict.unsayable(self._name, str(error), by_client=by_client) from Said("the graph, before the call")
        except TensorError as error:
            raise verdict.wrong(self._name, str(error)) from Said("the graph, before the call")
        if asked.size > self._most_bytes:
            raise verdict.too_much(self._name, asked.size, self._most_bytes)
        edge = self._edge
        edge.in_flight += 1
        try:
            answer = await self._in_time(asked)
        finally:
            edge.in_flight -= 1
        if answer.status != 200:
            raise self._refused(answer) from Said(f"{answer.status}: {verdict.told(answer.body)}")
        edge.answered()
        try:
            length = _number(answer.fields.get(_HEADER_LENGTH))
            if self._foreign and length is None and len(answer.body) > MOST_JSON_BYTES:
                raise TensorError(f"the answer is more than {MOST_JSON_BYTES >> 20} MiB of JSON")
            return self._codec.decode(answer.body, length, rows=asked.rows)
        except TensorError as error:
            raise verdict.wrong(self._name, str(error)) from Said("200, with outputs that are not the step's")

    async def _in_time(self, asked: oip.Asked) -> Answer:
        exchange = current.get()
        now = monotonic_ns()
        left = (self._time_limit if exchange is None else exchange.deadline - now) // _MILLISECOND
        if left <= 0:
            raise verdict.late(self._name) from Said("no time was left for a call")
        binary = self._binary
        lengths = _LENGTHS % (asked.size, asked.header_length, left) if binary else _LENGTH % (asked.size, left)
        lines = [self._head, lengths]
        if exchange is not None:
            fields = exchange.fields
            lines += [http1.header(name, fields[name]) for name in _IDS if name in fields]
        parts: list[Buffer] = [b"".join((*lines, b"\r\n", asked.parts[0])), *asked.parts[1:]]
        try:
            async with asyncio.timeout((left - min(EARLY, left // 10)) / 1000):
                if self._suspects is not None:
                    return await self._suspects.call(parts)
                return await self._caller.call(parts, repeatable=self._repeatable)
        except CutTwice:
            if exchange is not None and exchange.route.endpoint is not None:
                exchange.route.endpoint.counted.poisonous += 1
            raise verdict.poison(self._name, self._service) from Said(
                "cut off twice: most likely the servers died of this request"
            )
        except TimeoutError:
            raise verdict.late(self._name) from Said(f"nothing within {left} ms")
        except TooLarge as large:
            raise verdict.wrong(self._name, str(large)) from Said("the head of such an answer, or a part of it")
        except Lost as lost:
            raise verdict.lost(self._name, repeatable=self._repeatable) from Said(str(lost))
        except Unreachable as unreachable:
            raise verdict.unreachable(self._name) from Said(str(unreachable))

    def _refused(self, answer: Answer) -> RequestError:
        if cut(answer):
            # It has died, which does not mean that it is full: whoever comes next may find another, or wait for one.
            return verdict.lost(self._name, repeatable=self._repeatable)
        seconds = _seconds(answer.fields.get(b"retry-after"))
        by_step = BY_STEP in answer.fields and not self._foreign
        full = answer.status == 503 or (answer.status == 429 and self._foreign)
        if full and not by_step:
            self._edge.refused(monotonic_ns(), seconds or admission.RETRY_AFTER_SECONDS)
        elif answer.status != 404:
            self._edge.answered()
        if self._foreign:
            return verdict.of_server(self._name, answer.status, answer.body)
        text = verdict.told(answer.body)
        error = verdict.refused(self._name, answer.status, text, by_step=by_step, seconds=seconds)
        # Whoever refuses before anything is done says so by a Retry-After of its own.
        begun = answer.status in (502, 503) and seconds is None and not self._repeatable
        return verdict.unsure(error) if begun else error


def _number(text: bytes | None) -> int | None:
    if text is None:
        return None
    if not text.isdigit() or len(text) > 18:
        raise TensorError(f"the answer's {oip.HEADER_LENGTH} is {text[:40]!r}, expected a number of bytes")
    return int(text)


def _seconds(text: bytes | None) -> int | None:
    """Of Retry-After; None without it, or when it is a date."""
    return int(text) if text is not None and text.isdigit() and len(text) < 10 else None
