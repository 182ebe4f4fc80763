"""The command that uses what runs: `call` sends files to a service and shows what it says of each."""

from __future__ import annotations

import contextlib
import difflib
import mimetypes
import os
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import msgspec
import typer
from rich.text import Text

from longspan.base.errors import LongspanError, RequestError
from longspan.client.messages import Status
from longspan.client.options import File, Json, State
from longspan.client.place import NoFile, Place
from longspan.client.sync import Client, Stream
from longspan.client.terminal import err, say, say_json

_PATIENCE_SECONDS = 3600.0
"""Longest silence: the service's own limit of time ends a call before."""

_QUIET_SECONDS = 1.0
_ANSWER_BYTES = 64 << 20
_COLUMN = 60
_AS_IT_COMES = ("text/event-stream", "application/x-ndjson")
_UNKNOWN = "application/octet-stream"

Service = Annotated[str, typer.Argument(metavar="SERVICE", help="The service to call.")]
Files = Annotated[list[str], typer.Argument(metavar="FILE...", help="Files whose bytes it gets; - is standard input.")]
Type = Annotated[
    str,
    typer.Option("--type", metavar="TYPE", help="Their media type; else by the suffix of each.", show_default=False),
]
Accept = Annotated[str, typer.Option("--accept", metavar="TYPE", help="The media type that the answer should have.")]


@dataclass(frozen=True, slots=True)
class Called:
    """What became of one file. `answer` is JSON's value, a text, or bytes; `status` is 200 or the error's."""

    file: str
    status: int
    answer: Any = None
    error: str = ""
    type: str = ""
    request: str = ""


def call(
    service: Service,
    files: Files,
    media_type: Type = "",
    accept: Accept = "*/*",
    file: File = "longspan.yaml",
    state: State = "",
    json: Json = False,
) -> None:
    """Send files to a service and show its answers.

    The bytes of each file are the request's body. The exit code is 1 when one of them was refused.

    Example: longspan call file-type /bin/* --json
    """
    _must_be_there(files)
    place = Place.named(file, state)
    place.must_exist()
    status = place.control.status()
    _must_take_files(service, status)
    gateway = Client(status.url, timeout=_PATIENCE_SECONDS, retry=None)
    results: list[Called] = []
    alone = len(files) == 1
    for name in files:
        with _busy(f"{name} ({len(results) + 1} of {len(files)})", shown=alone or json) as arrived:
            results.append(_one(gateway, service, name, media_type, accept, arrived, through=alone and not json))
        if not json:
            _show(results[-1], 0 if alone else min(_COLUMN, max(map(len, files))))
    if json:
        say_json([_plain(one) for one in results])
    if any(one.error for one in results):
        raise typer.Exit(1)


def _one(
    gateway: Client,
    service: str,
    name: str,
    media_type: str,
    accept: str,
    arrived: Callable[[], None],
    *,
    through: bool,
) -> Called:
    """Send one file. `arrived` is called as the answer begins; with `through` a stream is passed on as it comes."""
    content = sys.stdin.buffer.read() if name == "-" else _read(name)
    kind = media_type or mimetypes.guess_type(name)[0] or _UNKNOWN
    try:
        with gateway.stream(service, content, media_type=kind, accept=accept) as stream:
            arrived()
            if through and stream.media_type in _AS_IT_COMES:
                for chunk in stream:
                    sys.stdout.buffer.write(chunk)
                    sys.stdout.buffer.flush()
                return Called(name, 200, None, type=stream.media_type, request=stream.request_id)
            return Called(name, 200, _value(stream), type=stream.media_type, request=stream.request_id)
    except RequestError as error:
        return Called(name, error.status, error=error.problem)


def _value(stream: Stream) -> Any:
    parts, size = [], 0
    for chunk in stream:
        parts.append(chunk)
        if (size := size + len(chunk)) > _ANSWER_BYTES:
            raise LongspanError(f"the answer is longer than {_ANSWER_BYTES} bytes", remedy="Ask for it with curl")
    body = b"".join(parts)
    if stream.media_type == "application/json":
        return msgspec.json.decode(body)
    return body.decode(errors="replace") if stream.media_type.startswith("text/") else body


def _show(one: Called, width: int) -> None:
    """For people: the answer alone, or after the name of its file where there are several."""
    if one.error:
        err().print(Text("error: ", style="bold red") + Text(f"{one.file}: {one.error}"))
    elif one.answer is None and one.type in _AS_IT_COMES:
        return
    elif not width and isinstance(one.answer, bytes):
        sys.stdout.buffer.write(one.answer)
    else:
        text = _readable(one.answer, one.type)
        say(f"{one.file:<{width}}   {text}" if width else text)


def _readable(answer: Any, kind: str) -> str:
    if isinstance(answer, bytes):
        return f"{len(answer)} bytes of {kind}"
    return answer.rstrip("\n") if isinstance(answer, str) else msgspec.json.encode(answer).decode()


def _plain(one: Called) -> dict[str, Any]:
    """For scripts; bytes become base64, as everywhere in JSON."""
    if one.error:
        return {"file": one.file, "status": one.status, "error": one.error}
    return {"file": one.file, "status": one.status, "answer": one.answer, "type": one.type, "id": one.request}


def _must_be_there(files: Sequence[str]) -> None:
    for name in files:
        if name != "-" and not os.path.isfile(name):
            folder = os.path.isdir(name)
            remedy = f"Name the files in it: {name.rstrip('/')}/*" if folder else "Files are named after the service"
            raise NoFile("is a folder" if folder else "is not there", at=name, remedy=remedy)


def _must_take_files(service: str, status: Status) -> None:
    """Raises `LongspanError` for a service that is not served, or takes no natural content."""
    if service not in status.services:
        close = difflib.get_close_matches(service, status.services, n=1)
        known = ", ".join(status.services) or "none yet"
        remedy = f"Did you mean {close[0]}?" if close else f"It has these: {known}"
        raise LongspanError(f"{status.system} has no service {service}", remedy=remedy)
    if not status.natural.get(service):
        remedy = f"Call it at {status.url}/v2/models/{service}/infer, or give it accepts: in longspan.yaml"
        raise LongspanError(f"{service} takes no files", remedy=remedy)


def _read(name: str) -> bytes:
    with open(name, "rb") as file:
        return file.read()


@contextlib.contextmanager
def _busy(text: str, *, shown: bool) -> Iterator[Callable[[], None]]:
    """Tell on a terminal what is waited for, once it takes longer than a second; until the given is called."""
    if not shown or not err().is_terminal:
        yield lambda: None
        return
    line = err().status(text)
    timer = threading.Timer(_QUIET_SECONDS, line.start)

    def stop() -> None:
        timer.cancel()
        timer.join()
        line.stop()

    timer.start()
    try:
        yield stop
    finally:
        stop()
