"""Promises about inference that cannot go well: 4xx, in the protocol's form, and the next request is answered."""

from __future__ import annotations

from typing import Any

from longspan.client.conform.inferring import plain
from longspan.client.conform.server import Response, Server, model_path
from longspan.client.conform.subject import BINARY, Subject
from longspan.client.conform.values import Check, Differs, NotOffered

_NOBODY = "nothing-of-this-name"


def no_json(server: Server, subject: Subject) -> None:
    whole = b'{"inputs": [{"name": "x", "datatype": '
    _refused(server.request("POST", f"{subject.path}/infer", whole, {"content-type": "application/json"}))


def no_inputs(server: Server, subject: Subject) -> None:
    _refused(subject.infer(server, {"inputs": []}))


def no_such_model(server: Server, subject: Subject) -> None:
    _refused(server.post(f"{model_path(_NOBODY)}/infer", {"inputs": subject.inputs()}))


def no_such_version(server: Server, subject: Subject) -> None:
    _refused(server.request("GET", model_path(subject.name, _NOBODY)))


def no_such_input(server: Server, subject: Subject) -> None:
    _refused(subject.infer(server, {"inputs": _first(subject, name=_NOBODY)}))


def no_such_output(server: Server, subject: Subject) -> None:
    _refused(subject.infer(server, {"inputs": subject.inputs(), "outputs": [{"name": _NOBODY}]}))


def no_such_datatype(server: Server, subject: Subject) -> None:
    _refused(subject.infer(server, {"inputs": _first(subject, datatype="FP1")}))


def too_few(server: Server, subject: Subject) -> None:
    data = subject.inputs()[0]["data"]
    _refused(subject.infer(server, {"inputs": _first(subject, data=data[1:])}))


def too_many(server: Server, subject: Subject) -> None:
    data = subject.inputs()[0]["data"]
    _refused(subject.infer(server, {"inputs": _first(subject, data=[*data, data[0]])}))


def negative(server: Server, subject: Subject) -> None:
    shape = subject.inputs()[0]["shape"]
    _refused(subject.infer(server, {"inputs": _first(subject, shape=[-1, *shape[1:]] if shape else [-1])}))


def wrong_length(server: Server, subject: Subject) -> None:
    if BINARY not in subject.extensions:
        raise NotOffered
    heads, tail = subject.binary()
    _refused(subject.infer_binary(server, {"inputs": heads}, tail + b"!"))


def beyond_the_end(server: Server, subject: Subject) -> None:
    if BINARY not in subject.extensions:
        raise NotOffered
    heads, tail = subject.binary()
    _refused(subject.infer_binary(server, {"inputs": heads}, tail, length=1 << 40))


def afterwards(server: Server, subject: Subject) -> None:
    plain(server, subject)


def _first(subject: Subject, **changed: Any) -> list[dict[str, Any]]:
    inputs = subject.inputs()
    if not inputs:
        raise NotOffered
    return [inputs[0] | changed, *inputs[1:]]


def _refused(response: Response) -> None:
    if not 400 <= response.status < 500:
        raise Differs(f"{response.status}: {response.shown}")
    error = response.json().get("error")
    if not isinstance(error, str) or not error:
        raise Differs(f"{response.status}, and its error is {str(error)[:80]!r}: {response.shown}")


_FORM = 'is 4xx with {"error": TEXT}'
REFUSING = (
    Check("no-json", "must", f"a body that is no JSON {_FORM}", no_json),
    Check("no-inputs", "must", f"a request without its inputs {_FORM}", no_inputs),
    Check("no-model", "must", f"an unknown model {_FORM}", no_such_model),
    Check("no-version", "must", f"an unknown version {_FORM}", no_such_version),
    Check("no-input", "must", f"an input of another name {_FORM}", no_such_input),
    Check("no-output", "must", f"asking for an output that is not there {_FORM}", no_such_output),
    Check("no-datatype", "must", f"an unknown datatype {_FORM}", no_such_datatype),
    Check("too-few", "must", f"fewer elements than the shape says {_FORM}", too_few),
    Check("too-many", "must", f"more elements than the shape says {_FORM}", too_many),
    Check("negative", "must", f"a negative size {_FORM}", negative),
    Check("binary-size", "must", f"more bytes than the tensors say {_FORM} (binary_tensor_data)", wrong_length),
    Check("binary-header", "must", f"a header longer than the body {_FORM} (binary_tensor_data)", beyond_the_end),
    Check("afterwards", "must", "after all of that it infers as before", afterwards),
)
