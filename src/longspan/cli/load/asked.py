"""What does a command line ask for: how often, for how long, and with which bodies?"""

from __future__ import annotations

import mimetypes
import os
import re
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from longspan.base.errors import LongspanError
from longspan.base.units import parse_duration
from longspan.cli import sample
from longspan.client.load import Ramp, Request, Schedule, Steady
from longspan.client.load.schedule import MOST_REQUESTS
from longspan.client.place import NoFile

MOST_FILES = 10_000
MOST_BYTES = 1 << 30
"""Of all bodies together: they are held in memory, so that no disk slows the load."""

_UNKNOWN = "application/octet-stream"
_RATE = re.compile(r"(?:([0-9]+(?:\.[0-9]+)?)\.\.)?([0-9]+(?:\.[0-9]+)?)/([sm])")


class Misasked(LongspanError):
    """An option of the load cannot be kept: a wrong command line."""

    exit_code = 2


def schedule(rate: str, ramp: str, lasting: str, hold: str) -> tuple[Schedule, float]:
    """When requests are due, and for how many seconds. Raises `Misasked`, naming the option."""
    seconds = _seconds("--for", lasting)
    if ramp:
        if rate:
            raise Misasked("is either steady or a ramp", at="--rate", remedy="Give --rate or --ramp, not both")
        first, last = _rate("--ramp", ramp, ramp=True)
        when: Schedule = Ramp(first, last, over_seconds=seconds)
        seconds += _seconds("--hold", hold) if hold else 0.0
    else:
        if hold:
            raise Misasked("goes with --ramp: it says how long the last rate holds", at="--hold")
        when = Steady(_rate("--rate", rate or "10/s", ramp=False)[1])
    if when.before(seconds) > MOST_REQUESTS:
        raise Misasked(f"more than {MOST_REQUESTS:,} requests", at="--for", remedy="Send fewer, or for a shorter time")
    return when, seconds


def _rate(option: str, text: str, *, ramp: bool) -> tuple[float, float]:
    """The first and the last rate, in requests per second."""
    match = _RATE.fullmatch(text.strip())
    if match is None or (match[1] is not None) != ramp:
        remedy = "Write it as 5..100/s" if ramp else "Write it as 50/s, or 90/m for a minute"
        raise Misasked(f"{text!r} is no {'ramp' if ramp else 'rate'}", at=option, remedy=remedy)
    per_second = {"s": 1.0, "m": 1 / 60}[match[3]]
    first, last = float(match[1] or 0) * per_second, float(match[2]) * per_second
    if not last:
        raise Misasked("ends at a rate of nothing", at=option)
    return first, last


def _seconds(option: str, text: str) -> float:
    try:
        seconds = parse_duration(text).total_seconds()
    except ValueError as error:
        raise Misasked(str(error), at=option) from error
    if not seconds:
        raise Misasked("is no time at all", at=option)
    return seconds


def files(named: Sequence[str]) -> list[str]:
    """The files of a command line; a folder stands for those in it, in the order of their names.

    Raises `NoFile` for what is not there, an empty folder, or more than can be held.
    """
    found: list[str] = []
    for name in named:
        if os.path.isdir(name):
            inside = sorted(entry.path for entry in os.scandir(name) if entry.is_file() and entry.name[0] != ".")
            if not inside:
                raise NoFile("has no files in it", at=name)
            found += inside
        elif os.path.isfile(name):
            found.append(name)
        else:
            raise NoFile("is not there", at=name)
    if len(found) > MOST_FILES or sum(os.path.getsize(name) for name in found) > MOST_BYTES:
        raise NoFile(f"more than {MOST_FILES} files or {MOST_BYTES >> 20} MiB", remedy="Name fewer of them")
    return found


def natural(service: str, named: Sequence[str], media_type: str = "") -> tuple[Request, ...]:
    """A request for each file: its bytes as natural content, of the type that its suffix tells."""
    return tuple(
        Request(
            path=f"/v1/services/{service}",
            body=_read(name),
            content_type=media_type or mimetypes.guess_type(name)[0] or _UNKNOWN,
            headers=(("accept", "*/*"),),
            key=name,
        )
        for name in named
    )


def inference(service: str, named: Sequence[str]) -> tuple[Request, ...]:
    """A request for each file: a JSON body of the Open Inference Protocol. Raises `NoFile` for any other."""
    made = []
    for name in named:
        body = _read(name)
        try:
            msgspec.json.decode(body, type=dict[str, msgspec.Raw])["inputs"]
        except (msgspec.DecodeError, KeyError) as error:
            problem = f"is no JSON of the Open Inference Protocol, and {service} takes no other files"
            raise NoFile(problem, at=name, remedy='It looks like {"inputs": [...]}') from error
        made.append(Request(path=f"/v2/models/{service}/infer", body=body, key=name))
    return tuple(made)


def natural_sample(service: str, ranges: Sequence[str], beside: Sequence[str]) -> tuple[Request, ...]:
    """The request that `up` shows, for want of files. Raises `NoFile` when there is none that would do."""
    found = sample.natural_file(service, ranges, beside)
    if found is None:
        raise NoFile(f"{service} takes {', '.join(ranges)}, and nothing was named", remedy="Name files with --data")
    return natural(service, [found[0]], found[1])


def inference_sample(service: str, metadata: Mapping[str, Any]) -> tuple[Request, ...]:
    """The request that `up` shows: all zeros. Raises `NoFile` for tensors that are too large to be made up."""
    body = sample.infer_body(metadata)
    if body is None:
        raise NoFile(f"{service} takes large tensors, and nothing was named", remedy="Name a file with --data")
    return (Request(path=f"/v2/models/{service}/infer", body=body, key="zeros"),)


def _read(name: str) -> bytes:
    with open(name, "rb") as file:
        return file.read()
