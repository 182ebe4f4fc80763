"""One inference request in, one answer out: the codec of an endpoint.

One `InferCodec` is made per endpoint (a model or a service) when the worker starts; its `decode` and `encode` are the
hot path. Whatever a client may get wrong is a `RequestError` of status 400 that says what was expected and what came;
no body, however odd, raises anything else.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NoReturn

import msgspec

from longspan.base.errors import RequestError
from longspan.base.signatures import BATCH, TensorType
from longspan.wire.oip.common import CommonCodec
from longspan.wire.oip.parts import Wanted, gather, quote, split, unknown
from longspan.wire.oip.request import AnyTensor, InferRequest, Request
from longspan.wire.tensors import ALIGNMENT, Buffer, Tensor, TensorError, binary_view, to_json

CONTENT_JSON = "application/json"
CONTENT_BINARY = "application/octet-stream"

_encode = msgspec.json.Encoder().encode


class Encoded(msgspec.Struct, frozen=True, gc=False):
    """Body of an answer. `header_length` None: all JSON. Else `CONTENT_BINARY`, and the header must say the length."""

    head: bytes
    header_length: int | None
    tensors: tuple[Buffer, ...] = ()
    """What follows the head: the outputs' own memory, where that is possible."""

    @property
    def body(self) -> bytes:
        """All of it in one."""
        return b"".join((self.head, *self.tensors))


class InferCodec:
    """Decoder and encoder of one endpoint."""

    def __init__(
        self,
        name: str,
        version: str,
        inputs: dict[str, TensorType],
        outputs: dict[str, TensorType],
        *,
        optional: Iterable[str] = (),
        least: int = 1,
    ) -> None:
        """`optional`: inputs that may be left out. `least`: how small a free dimension may be; 0 between steps."""
        self._inputs = Wanted("input", inputs, verb="takes", optional=optional, least=least)
        self._outputs = {
            key: (f"output {key!r}", tensor.dtype, b'{"name":%b,"datatype":%b,"shape":' % _encoded(key, tensor.dtype))
            for key, tensor in outputs.items()
        }
        dimensions = (d for tensor in inputs.values() for d in tensor.shape if isinstance(d, str) and d != BATCH)
        self._free = tuple(dict.fromkeys(dimensions))
        self._as_json = dict.fromkeys(outputs, False)
        self._as_binary = dict.fromkeys(outputs, True)
        self._head = b'{"model_name":%b,"model_version":%b,' % _encoded(name, version)
        self._alone = self._template(next(iter(outputs))) if len(outputs) == 1 else None
        self._decode = msgspec.json.Decoder(Request[AnyTensor]).decode
        self._common = CommonCodec(inputs, self._as_json) if CommonCodec.suits(inputs) else None

    def decode(self, body: Buffer, header_length: int | None = None) -> InferRequest:
        """`header_length` is the value of the header `HEADER_LENGTH`, None without it.

        Raises `RequestError` (400).
        """
        if header_length is None and self._common is not None and (common := self._common.decode(body)) is not None:
            return common
        try:
            head, tail = split(body, header_length)
            request = self._decode(head)
            arrays, dims = gather(self._inputs, request.inputs, tail)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, TensorError) as error:
            _refuse(error)
        alike = tuple([dims.get(name, 0) for name in self._free])  # 0: of an input that was left out
        asked = self._asked(request)
        return InferRequest(request.id or "", arrays, dims.get(BATCH, 1), alike, asked, request.parameters)

    def encode(self, request: InferRequest, outputs: dict[str, Tensor]) -> Encoded:
        """The answer to `request`. `outputs` holds at least what it asked for, each of its declared type.

        Raises `RequestError` (500) when JSON cannot hold a value (NaN, Infinity, BYTES that are no UTF-8); its text
        says to ask for binary. It is a 500 since the request was right and somebody should look at the model.
        """
        if request.asked is self._as_json and self._alone is not None and not request.id:
            name, what, dtype, template = self._alone
            array = outputs[name]
            try:
                return Encoded(template % (_encode(array.shape), to_json(what, dtype, array)), None)
            except TensorError as error:
                raise RequestError(500, str(error)) from None
        parts = [self._head, b'"id":%b,"outputs":[' % _encode(request.id) if request.id else b'"outputs":[']
        tensors: list[Buffer] = []
        for name, binary in request.asked.items():
            array = outputs[name]
            what, dtype, prefix = self._outputs[name]
            if binary:
                view = binary_view(array)
                tensors.append(view)
                parts += (prefix, _encode(array.shape), b',"parameters":{"binary_data_size":%d}}' % len(view), b",")
            else:
                try:
                    parts += (prefix, _encode(array.shape), b',"data":', to_json(what, dtype, array), b"}", b",")
                except TensorError as error:
                    raise RequestError(500, str(error)) from None
        parts[-1] = b"]}"
        head = b"".join(parts)
        if not tensors:
            return Encoded(head, None)
        head += b" " * (-len(head) % ALIGNMENT)
        return Encoded(head, len(head), tuple(tensors))

    def _template(self, name: str) -> tuple[str, str, str, bytes]:
        """How the only output is answered with as JSON: its name, what it is called in errors, type, answer to be."""
        what, dtype, prefix = self._outputs[name]
        start = (self._head + b'"outputs":[' + prefix).replace(b"%", b"%%")
        return name, what, dtype, start + b'%b,"data":%b}]}'

    def _asked(self, request: Request[AnyTensor]) -> dict[str, bool]:
        default = request.parameters is not None and _flag(request.parameters, "binary_data_output")
        if not request.outputs:
            return self._as_binary if default else self._as_json
        asked: dict[str, bool] = {}
        for output in request.outputs:
            if output.name not in self._outputs:
                raise RequestError(400, unknown("output", output.name, self._outputs))
            if output.name in asked:
                raise RequestError(400, f"output {output.name!r} is asked for twice")
            parameters = output.parameters or {}
            for refused in ("classification", "shared_memory_region"):
                if parameters.get(refused):
                    raise RequestError(400, f"output {output.name!r}: {refused} is not supported")
            asked[output.name] = _flag(parameters, "binary_data", default)
        return asked


def _encoded(*texts: str) -> tuple[bytes, ...]:
    return tuple(_encode(text) for text in texts)


def _flag(parameters: dict[str, Any], name: str, default: bool = False) -> bool:
    value = parameters.get(name, default)
    if value.__class__ is not bool:
        raise RequestError(400, f"parameter {name} is {quote(value)}, must be true or false")
    return bool(value)


def _refuse(error: Exception) -> NoReturn:
    if isinstance(error, TensorError):
        text = str(error)
    elif isinstance(error, msgspec.ValidationError):
        text = f"the body is no inference request: {str(error)[:300]}"
    elif isinstance(error, RecursionError):
        text = "the body is nested too deeply"
    elif isinstance(error, UnicodeDecodeError):
        text = "the body is no JSON: its text is not UTF-8"
    else:
        text = f"the body is no JSON: {error}"
    raise RequestError(400, text) from None
