"""One inference request in, one answer out: the codec of an endpoint.

One `InferCodec` is made per endpoint (a model or a service) when the worker starts; its `decode` and `encode` are the
hot path. Whatever a client may get wrong is a `RequestError` of status 400 that says what was expected and what came;
no body, however odd, raises anything else.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Any, NoReturn

import msgspec

from longspan.base.errors import RequestError
from longspan.base.signatures import BATCH, TensorType
from longspan.wire.oip.common import CommonCodec
from longspan.wire.oip.request import AnyInput, InferRequest, Request
from longspan.wire.tensors import Tensor, TensorError, bind, from_binary, from_json, to_binary, to_json

HEADER_LENGTH = "inference-header-content-length"
"""Lower-case name of the header that says how many bytes of a body are JSON; tensors follow as bytes."""
CONTENT_JSON = "application/json"
CONTENT_BINARY = "application/octet-stream"

_encode = msgspec.json.Encoder().encode
_LONGEST_QUOTE = 80


class Encoded(msgspec.Struct, frozen=True, gc=False):
    """Body of an answer. `header_length` None: all JSON. Else `CONTENT_BINARY`, and the header must say the length."""

    body: bytes
    header_length: int | None


class InferCodec:
    """Decoder and encoder of one endpoint."""

    def __init__(self, name: str, version: str, inputs: dict[str, TensorType], outputs: dict[str, TensorType]) -> None:
        self._inputs = {key: (f"input {key!r}", tensor) for key, tensor in inputs.items()}
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
        self._decode = msgspec.json.Decoder(Request[AnyInput]).decode
        self._common = CommonCodec(inputs, self._as_json) if CommonCodec.suits(inputs) else None

    def decode(self, body: bytes, header_length: int | None = None) -> InferRequest:
        """`header_length` is the value of the header `HEADER_LENGTH`, None without it.

        Raises `RequestError` (400).
        """
        if header_length is None and self._common is not None and (common := self._common.decode(body)) is not None:
            return common
        try:
            if header_length is None:
                request, tail = self._decode(body), None
            else:
                if not 0 <= header_length <= len(body):
                    raise RequestError(400, f"{HEADER_LENGTH} is {header_length}, the body has {len(body)} bytes")
                view = memoryview(body)
                request, tail = self._decode(view[:header_length]), view[header_length:]
            arrays, dims = self._tensors(request.inputs, tail)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, TensorError) as error:
            _refuse(error)
        alike = tuple([dims[name] for name in self._free])
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
        blobs: list[bytes] = []
        for name, binary in request.asked.items():
            array = outputs[name]
            what, dtype, prefix = self._outputs[name]
            if binary:
                blob = to_binary(array)
                blobs.append(blob)
                parts += (prefix, _encode(array.shape), b',"parameters":{"binary_data_size":%d}}' % len(blob), b",")
            else:
                try:
                    parts += (prefix, _encode(array.shape), b',"data":', to_json(what, dtype, array), b"}", b",")
                except TensorError as error:
                    raise RequestError(500, str(error)) from None
        parts[-1] = b"]}"
        head = b"".join(parts)
        return Encoded(b"".join((head, *blobs)), len(head)) if blobs else Encoded(head, None)

    def _template(self, name: str) -> tuple[str, str, str, bytes]:
        """How the only output is answered with as JSON: its name, what it is called in errors, type, answer to be."""
        what, dtype, prefix = self._outputs[name]
        start = (self._head + b'"outputs":[' + prefix).replace(b"%", b"%%")
        return name, what, dtype, start + b'%b,"data":%b}]}'

    def _tensors(self, tensors: list[AnyInput], tail: memoryview | None) -> tuple[dict[str, Tensor], dict[str, int]]:
        arrays: dict[str, Tensor] = {}
        dims: dict[str, int] = {}
        for tensor in tensors:
            known = self._inputs.get(tensor.name)
            if known is None:
                raise TensorError(_unknown("input", tensor.name, self._inputs))
            what, wanted = known
            if tensor.name in arrays:
                raise TensorError(f"{what} is given twice")
            if tensor.datatype != wanted.dtype:
                raise TensorError(f"{what} takes {wanted}; came datatype {_quote(tensor.datatype)}")
            bind(what, wanted, tensor.shape, dims)
            size = _binary_size(what, tensor) if tensor.parameters is not None else None
            if size is None:
                arrays[tensor.name] = from_json(what, wanted, tensor.shape, tensor.data)
                continue
            if tail is None:
                raise TensorError(f"{what} has binary_data_size, but the request has no header {HEADER_LENGTH}")
            if size > len(tail):
                raise TensorError(f"{what} has binary_data_size {size}; {len(tail)} bytes are left in the body")
            arrays[tensor.name] = from_binary(what, wanted, tensor.shape, tail[:size])
            tail = tail[size:]
        if len(arrays) != len(self._inputs):
            missing = [f"{what} ({t})" for name, (what, t) in self._inputs.items() if name not in arrays]
            raise TensorError(f"{', '.join(missing)} {'is' if len(missing) == 1 else 'are'} missing")
        if tail:
            raise TensorError(f"the last {len(tail)} bytes of the body belong to no input; check each binary_data_size")
        return arrays, dims

    def _asked(self, request: Request[AnyInput]) -> dict[str, bool]:
        default = request.parameters is not None and _flag(request.parameters, "binary_data_output")
        if not request.outputs:
            return self._as_binary if default else self._as_json
        asked: dict[str, bool] = {}
        for output in request.outputs:
            if output.name not in self._outputs:
                raise RequestError(400, _unknown("output", output.name, self._outputs))
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


def _binary_size(what: str, tensor: AnyInput) -> int | None:
    parameters = tensor.parameters or {}
    if "shared_memory_region" in parameters:
        raise TensorError(f"{what}: shared memory is not supported; send the data in the body")
    size = parameters.get("binary_data_size")
    if size is None:
        return None
    if size.__class__ is not int or size < 0:
        raise TensorError(f"{what}: binary_data_size is {_quote(size)}, must be a whole number of bytes")
    if bytes(tensor.data):
        raise TensorError(f"{what} has both data and binary_data_size; send one of them")
    return int(size)


def _flag(parameters: dict[str, Any], name: str, default: bool = False) -> bool:
    value = parameters.get(name, default)
    if value.__class__ is not bool:
        raise RequestError(400, f"parameter {name} is {_quote(value)}, must be true or false")
    return bool(value)


def _unknown(kind: str, name: str, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(name[:_LONGEST_QUOTE], known, 1)
    hint = f"; did you mean {close[0]!r}?" if close else f"; there is {', '.join(map(repr, known)) or 'none'}"
    return f"no {kind} is called {_quote(name)}{hint}"


def _quote(value: object) -> str:
    text = repr(value)
    return text if len(text) <= _LONGEST_QUOTE else f"{text[:_LONGEST_QUOTE]}..."


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
