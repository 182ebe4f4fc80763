"""`command:`, `url:`, `serves:`, `binary:`: a step that runs in a server of somebody else's.

Such a server speaks the Open Inference Protocol, in whatever language it is written. With `command` Longspan starts it
and says where it listens: on a unix socket (``{socket}``) or a loopback port (``{port}``). Without, it is there already
at a fixed address. What the two keys rule out beside them is told here; whether its types fit the graph, by `fits`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BeforeValidator, Field

from longspan.base.signatures import TensorType
from longspan.spec.places import Finding, Path, printable
from longspan.spec.values import Form, refused, show, text
from longspan.spec.words import flow
from longspan.wire.orders import ServerWork

if TYPE_CHECKING:
    from longspan.spec.steps import Step
    from longspan.spec.system import System

SOCKET, PORT = "{socket}", "{port}"
"""What Longspan fills in, for each replica, in `command` and in `url`."""
DEFAULT_URL = f"unix:{SOCKET}"
HERE = "127.0.0.1"

_LONGEST_PATH = 107
"""Bytes of a socket's path that the kernel takes (unix(7))."""
_HTTP = re.compile(r"http://([^/?#@]*?)(?::([^/?#@:\]]*))?(/[^?#]*)?")
_ADDRESS = "Write http://127.0.0.1:PORT or unix:/PATH/OF.sock."
_LOOPBACK = frozenset({HERE, "localhost"})
_NO_JSON = frozenset({"FP16"})
"""Data types of which the protocol has no JSON form ("Tensor Data")."""


# --- values -------------------------------------------------------------------------------------------------------


def _read_url(value: Any) -> str:
    """The address in its one spelling: no slash at the end, and loopback as a number."""
    if not isinstance(value, str):
        raise refused(f"is {show(value)}, not the address of a server", _ADDRESS)
    if value.startswith("unix:"):
        return _read_socket(value)
    if value.startswith("https://"):
        raise refused(f"is {show(value)}: a server on this machine is spoken to without TLS", "Write http:// instead.")
    found = _HTTP.fullmatch(value)
    if found is None:
        raise refused(f"is {show(value)}, which is no address of a server", _ADDRESS)
    host, port, path = found.groups()
    if host not in _LOOPBACK:
        problem = f"is {show(value)}, which is not on this machine's loopback (127.0.0.1)"
        raise refused(problem, f"Other machines are not called yet. {_ADDRESS}")
    if path not in (None, "/"):
        raise refused(f"is {show(value)}, with a path", "What the step is called there stands under serves: NAME.")
    if port != PORT and not (port and port.isascii() and port.isdigit() and 0 < int(port[:6]) < 1 << 16):
        raise refused(f"is {show(value)}, without a port from 1 to 65535", _ADDRESS)
    return f"http://{HERE}:{port if port == PORT else int(port)}"


def _read_socket(value: str) -> str:
    path = value.removeprefix("unix:")
    if path != SOCKET and not path.startswith("/"):
        raise refused(f"is {show(value)}, and the path of a socket begins with /", "Write unix:/PATH/OF.sock.")
    if not path.isprintable() or len(path.encode("utf-8", "replace")) > _LONGEST_PATH:
        raise refused(f"is {show(value)}: the kernel takes {_LONGEST_PATH} bytes of a socket's path")
    return value


Url = Annotated[
    str,
    Form(
        _read_url,
        str,
        {"type": "string", "pattern": r"^(http://(127\.0\.0\.1|localhost):[^/]+/?|unix:(\{socket\}|/.+))$"},
    ),
]
"""``http://127.0.0.1:9000``, ``unix:/run/other.sock``, or with what Longspan fills in: ``{port}``, ``{socket}``."""


def _read_word(value: Any) -> str:
    if not isinstance(value, str):
        raise refused(f"is {show(value)}, not text", "Put it in quotes.")
    if "\0" in value or len(value) > 4096:
        raise refused(f"is {show(value)}, which is no word of a command")
    return value


def _read_command(value: Any) -> Any:
    if isinstance(value, str):
        words = [printable(word, 60) for word in value.split()[:8]]
        raise refused(f"is {show(value)}, and a list of words belongs here", f"Write [{', '.join(map(flow, words))}].")
    return value


Command = Annotated[
    tuple[Annotated[str, Form(_read_word, str, {"type": "string", "maxLength": 4096})], ...],
    Field(min_length=1, max_length=256, strict=False),
    BeforeValidator(_read_command),
]
"""The program and its arguments; no shell reads them."""

_NAME = r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}"
Serves = Annotated[
    str,
    text(
        rf"{_NAME}(?:/versions/{_NAME})?",
        "which is no name of a model in a path",
        "Write what stands behind /v2/models/ there: NAME, or NAME/versions/VERSION.",
    ),
]


# --- what stands beside each other -----------------------------------------------------------------------------------


def findings(step: Mapping[str, Any], path: Path, gateway_port: object) -> Iterator[Finding]:
    """What does not agree in the values of one step, as far as servers are concerned."""
    if "command" not in step and "url" not in step:
        for key in ("serves", "binary"):
            if key in step:
                remedy = "Add command: to start one, or url: of one that is there; or take it out."
                yield Finding((*path, key), "is for a step that runs in a server", remedy, of_key=True)
        return
    own = "command" if "command" in step else "url"
    yield from _beside(step, path, own)
    for side, verb in (("inputs", "takes"), ("outputs", "gives")):
        if side not in step:
            remedy = f'Add {side}: {{NAME: "FP32[batch, 16]"}}, what the server {verb}: its code cannot be read.'
            yield Finding((*path, side), "are missing", remedy)
    url, command = step.get("url", DEFAULT_URL), step.get("command")
    words = [word for word in command if isinstance(word, str)] if isinstance(command, list | tuple) else []
    if not isinstance(url, str):
        return
    if own == "url":
        yield from _there_already(url, path, gateway_port)
    else:
        yield from _started(url, words, path)


def _beside(step: Mapping[str, Any], path: Path, own: str) -> Iterator[Finding]:
    refusals = {
        "model": (f"cannot stand beside {own}", "A step runs here or in a server: take one of the two out."),
        "run": (f"cannot stand beside {own}", "A step runs here or in a server: take one of the two out."),
        "with": ("is for run: a server is told by its command", "Take it out, or add it to the words of the command."),
        "scaling": ("needs a load that is known, and that of a server is not", "Write replicas: N instead."),
    }
    if own == "url":
        for key in ("replicas", "resources"):
            remedy = "Take it out, or write a command that starts the server."
            refusals[key] = ("is for what Longspan starts, and this server is there already", remedy)
    for key, (problem, remedy) in refusals.items():
        if key in step:
            yield Finding((*path, key), problem, remedy, of_key=True)


def _there_already(url: str, path: Path, gateway_port: object) -> Iterator[Finding]:
    if SOCKET in url or PORT in url:
        filled = SOCKET if SOCKET in url else PORT
        remedy = "Add command:, or write the address of a server that is there already."
        yield Finding((*path, "url"), f"has {filled}, which is filled in only for what command: starts", remedy)
    elif gateway_port and url.rstrip("/").endswith(f":{gateway_port}"):
        remedy = "A step of this system is taken by from:; name another server's port."
        yield Finding((*path, "url"), "is the port of this system's own gateway", remedy)


def _started(url: str, words: list[str], path: Path) -> Iterator[Finding]:
    if SOCKET not in url and PORT not in url:
        remedy = f'Write url: "http://127.0.0.1:{PORT}" or url: "unix:{SOCKET}"; or take command out.'
        yield Finding((*path, "url"), "is one address, and one address serves one replica", remedy)
        return
    filled, other = (SOCKET, PORT) if SOCKET in url else (PORT, SOCKET)
    for at, word in enumerate(words):
        if other in word:
            wanted = f'url: "http://127.0.0.1:{PORT}"' if other == PORT else f'url: "unix:{SOCKET}"'
            problem = f"has {other}, but the server is to listen at {filled}"
            yield Finding((*path, "command", at), problem, f"Write {filled} there, or add {wanted}.")
    if words and not words[0].strip():
        yield Finding((*path, "command", 0), "is empty, and the program belongs here")


def of_types(step: Step, path: Path) -> Iterator[Finding]:
    """Declared types that cannot go over the wire to the server."""
    sides: tuple[tuple[str, Mapping[str, TensorType]], ...] = (
        ("inputs", step.inputs or {}),
        ("outputs", step.outputs or {}),
    )
    for side, kinds in sides:
        for name, kind in kinds.items():
            if kind.dtype in _NO_JSON and not step.binary:
                remedy = "Add binary: true if the server takes tensors as bytes, or use FP32."
                problem = f"is {kind}, and {kind.dtype} has no form in JSON"
                yield Finding((*path, side, name), problem, remedy)


# --- for orders ------------------------------------------------------------------------------------------------------


def work(name: str, step: Step) -> ServerWork:
    """What a worker's orders say of the server that runs this step."""
    model, _, version = (step.serves or name).partition("/versions/")
    url = step.url or DEFAULT_URL
    return ServerWork(
        model=model,
        version=version,
        binary=step.binary,
        command=step.command or (),
        address="" if step.command else url.removeprefix("http://"),
        port=bool(step.command) and PORT in url,
    )


def programs(system: System) -> Iterator[tuple[Path, str]]:
    """Where each program is named that has to be there, and its name: ``./server``, ``node``."""
    for service, section in system.services.items():
        for name, step in section.steps.items():
            if step.command:
                yield ("services", service, "steps", name, "command", 0), step.command[0]
