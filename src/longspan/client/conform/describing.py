"""Promises about the server, and about what it says of a model."""

from __future__ import annotations

import msgspec

from longspan.base.dtypes import BY_OIP
from longspan.client.conform.server import Response, Server, model_path
from longspan.client.conform.subject import Metadata, Subject
from longspan.client.conform.values import Check, Differs, NotOffered


def live(server: Server, _: Subject) -> None:
    _is_200(server.request("GET", "/v2/health/live"))


def ready(server: Server, _: Subject) -> None:
    _is_200(server.request("GET", "/v2/health/ready"))


def itself(server: Server, _: Subject) -> None:
    response = server.request("GET", "/v2")
    _is_200(response)
    document = response.json()
    for key, kind in (("name", str), ("version", str), ("extensions", list)):
        if not isinstance(document.get(key), kind):
            raise Differs(f"{key} is {document.get(key)!r}")


def nowhere(server: Server, _: Subject) -> None:
    response = server.request("GET", "/v2/nothing-of-this-name")
    if response.status != 404:
        raise Differs(f"{response.status}: {response.shown}")


def metadata(server: Server, subject: Subject) -> None:
    response = server.request("GET", subject.path)
    _is_200(response)
    try:
        known = msgspec.convert(response.json(), Metadata)
    except msgspec.ValidationError as error:
        raise Differs(str(error)) from None
    if known.name != subject.name:
        raise Differs(f"name is {known.name!r}")
    if not known.outputs:
        raise Differs("there are no outputs")
    for tensor in (*known.inputs, *known.outputs):
        if tensor.datatype not in BY_OIP:
            raise Differs(f"{tensor.name!r} has the datatype {tensor.datatype!r}")


def platform(server: Server, subject: Subject) -> None:
    if not subject.known.platform:
        raise Differs("there is no platform")


def versions(server: Server, subject: Subject) -> None:
    known = subject.known
    if not known.versions:
        raise NotOffered
    response = server.request("GET", model_path(subject.name, known.versions[0]))
    _is_200(response)
    if response.json().get("name") != subject.name:
        raise Differs(f"name is {response.json().get('name')!r}")


def model_ready(server: Server, subject: Subject) -> None:
    _is_200(server.request("GET", f"{subject.path}/ready"))


def _is_200(response: Response) -> None:
    if response.status != 200:
        raise Differs(f"{response.status}: {response.shown}")


OF_SERVER = (
    Check("live", "must", "GET /v2/health/live is 200", live, of_model=False),
    Check("ready", "must", "GET /v2/health/ready is 200", ready, of_model=False),
    Check("server", "must", "GET /v2 has a name, a version and extensions", itself, of_model=False),
    Check("nowhere", "should", "an unknown path is 404", nowhere, of_model=False),
)
OF_MODEL = (
    Check("metadata", "must", "a model tells its name, and datatype and shape of inputs and outputs", metadata),
    Check("platform", "must", "it tells its platform", platform),
    Check("versions", "must", "a version that it names is found under its path", versions),
    Check("model-ready", "must", "GET /v2/models/NAME/ready is 200", model_ready),
)
