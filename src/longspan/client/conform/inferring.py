"""Promises about inference that goes well."""

from __future__ import annotations

from math import prod
from typing import Any

from longspan.client.conform.server import Response, Server, model_path
from longspan.client.conform.subject import BINARY, HEADER_LENGTH, Subject
from longspan.client.conform.values import Check, Differs, NotOffered

_ID = "conform-7"


def plain(server: Server, subject: Subject) -> None:
    document = _answered(subject.infer(server, {"inputs": subject.inputs()}))
    if document.get("model_name") != subject.name:
        raise Differs(f"model_name is {document.get('model_name')!r}")
    missing = {tensor.name for tensor in subject.known.outputs} - {_name(output) for output in _outputs(document)}
    if missing:
        raise Differs(f"there is no output {', '.join(sorted(missing))}")
    declared = {tensor.name: tensor.datatype for tensor in subject.known.outputs}
    for output in _outputs(document):
        name, shape, data = _name(output), output.get("shape"), output.get("data")
        if output.get("datatype") != declared.get(name):
            raise Differs(f"output {name!r} is {output.get('datatype')!r}, its metadata say {declared.get(name)!r}")
        if not isinstance(shape, list) or not isinstance(data, list):
            raise Differs(f"output {name!r} has no shape or no data")
        if _count(data) != prod(shape):
            raise Differs(f"output {name!r} of shape {shape} has {_count(data)} elements")


def media_type(server: Server, subject: Subject) -> None:
    response = subject.infer(server, {"inputs": subject.inputs()})
    if not response.headers.get("content-type", "").startswith("application/json"):
        raise Differs(f"content-type is {response.headers.get('content-type', 'missing')}")


def same_id(server: Server, subject: Subject) -> None:
    document = _answered(subject.infer(server, {"id": _ID, "inputs": subject.inputs()}))
    if document.get("id") != _ID:
        raise Differs(f"id is {document.get('id')!r}")


def by_version(server: Server, subject: Subject) -> None:
    if not subject.known.versions:
        raise NotOffered
    path = model_path(subject.name, subject.known.versions[0])
    _answered(server.post(f"{path}/infer", {"inputs": subject.inputs()}))


def nested(server: Server, subject: Subject) -> None:
    inputs = [dict(one, data=_nest(one["data"], one["shape"])) for one in subject.inputs()]
    _answered(subject.infer(server, {"inputs": inputs}))


def chosen(server: Server, subject: Subject) -> None:
    wanted = subject.known.outputs[-1].name
    document = _answered(subject.infer(server, {"inputs": subject.inputs(), "outputs": [{"name": wanted}]}))
    names = [_name(output) for output in _outputs(document)]
    if names != [wanted]:
        raise Differs(f"only {wanted!r} was asked for, {', '.join(names) or 'nothing'} came")


def bytes_in(server: Server, subject: Subject) -> None:
    _offered(subject)
    heads, tail = subject.binary()
    _answered(subject.infer_binary(server, {"inputs": heads}, tail))


def bytes_out(server: Server, subject: Subject) -> None:
    _offered(subject)
    heads, tail = subject.binary()
    asked = [{"name": tensor.name, "parameters": {"binary_data": True}} for tensor in subject.known.outputs]
    response = subject.infer_binary(server, {"inputs": heads, "outputs": asked}, tail)
    if response.status != 200:
        raise Differs(f"{response.status}: {response.shown}")
    length = response.headers.get(HEADER_LENGTH, "")
    if not length.isdigit():
        raise Differs(f"the answer's {HEADER_LENGTH} is {length or 'missing'}")
    document = Response(200, {}, response.body[: int(length)]).json()
    sizes = [(output.get("parameters") or {}).get("binary_data_size") for output in _outputs(document)]
    came = len(response.body) - int(length)
    if sum(size if isinstance(size, int) else -1 << 60 for size in sizes) != came:
        raise Differs(f"binary_data_size is {sizes}, {came} bytes came")


def _offered(subject: Subject) -> None:
    if BINARY not in subject.extensions:
        raise NotOffered


def _answered(response: Response) -> dict[str, Any]:
    if response.status != 200:
        raise Differs(f"{response.status}: {response.shown}")
    return response.json()


def _outputs(document: dict[str, Any]) -> list[dict[str, Any]]:
    outputs = document.get("outputs")
    if not isinstance(outputs, list) or not all(isinstance(output, dict) for output in outputs):
        raise Differs(f"outputs is {str(outputs)[:80]}")
    return outputs


def _name(output: dict[str, Any]) -> str:
    return str(output.get("name"))


def _count(data: Any) -> int:
    return sum(map(_count, data)) if isinstance(data, list) else 1


def _nest(data: list[Any], shape: list[int]) -> list[Any]:
    for size in reversed(shape[1:]):
        data = [data[at : at + size] for at in range(0, len(data), size)] if size else []
    return data


INFERRING = (
    Check("infer", "must", "an inference gives all outputs, each of the datatype and size it says", plain),
    Check("media-type", "should", "its answer is application/json", media_type),
    Check("id", "must", "the id of a request is the id of its answer", same_id),
    Check("infer-version", "must", "a version that it names infers as well", by_version),
    Check("nested", "must", "data may be nested as the shape is", nested),
    Check("outputs", "must", "only the outputs that are asked for come", chosen),
    Check("binary-in", "must", "tensors come in as bytes (binary_tensor_data)", bytes_in),
    Check("binary-out", "must", "tensors go out as bytes when asked for (binary_tensor_data)", bytes_out),
)
