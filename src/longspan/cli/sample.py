"""Which request will work, and which curl line sends it? Pure: what a service takes, and the files beside it."""

from __future__ import annotations

import math
import mimetypes
import os.path
import shlex
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

_MOST_ELEMENTS = 64
"""A longer tensor makes no line that anybody would type."""


def natural_file(service: str, ranges: Sequence[str], files: Sequence[str]) -> tuple[str, str] | None:
    """The file that can be sent, and its media type (empty: any will do); None when there is none.

    One that is named after the service is its sample (``flower.json``); where all of a kind are accepted (``image/*``),
    the first of that kind; where anything is accepted, any file will do.
    """
    kinds = [(file, mimetypes.guess_type(file)[0] or "application/octet-stream") for file in files]
    for file, kind in kinds:
        if os.path.splitext(os.path.basename(file))[0] == service and any(_covers(one, kind) for one in ranges):
            return file, kind
    whole = [one for one in ranges if one.endswith("/*") and one not in ("*/*", "text/*")]
    for file, kind in kinds:
        if any(_covers(one, kind) for one in whole):
            return file, kind
    if any(one in ("*/*", "text/*") for one in ranges) and files:
        return files[0], "" if "*/*" in ranges else "text/plain"
    return None


def natural_line(url: str, service: str, ranges: Sequence[str], files: Sequence[str]) -> str:
    """A line that sends natural content. `files` are paths that can be sent."""
    address = f"{url}/v1/services/{service}"
    found = natural_file(service, ranges, files)
    if found is None:
        return f"curl -H 'content-type: {ranges[0]}' --data-binary @YOUR-FILE {address}"
    file, kind = found
    header = f"-H 'content-type: {kind}' " if kind else ""
    return f"curl {header}--data-binary {shlex.quote('@' + file)} {address}"


def infer_line(url: str, name: str, metadata: Mapping[str, Any]) -> str:
    """A line that infers by the Open Inference Protocol, all zeros; for large tensors, one that asks what it takes."""
    address = f"{url}/v2/models/{name}"
    body = infer_body(metadata)
    if body is None:
        return f"curl {address}"
    return f"curl -H 'content-type: application/json' -d {shlex.quote(body.decode())} {address}/infer"


def infer_body(metadata: Mapping[str, Any]) -> bytes | None:
    """A request of the Open Inference Protocol, all zeros; None where tensors are large."""
    inputs = []
    for tensor in metadata.get("inputs", ()):
        shape = [size if size > 0 else 1 for size in tensor["shape"]]
        count = math.prod(shape)
        if count > _MOST_ELEMENTS:
            return None
        zero: object = {"BYTES": "", "BOOL": False}.get(tensor["datatype"], 0)
        inputs.append({"name": tensor["name"], "shape": shape, "datatype": tensor["datatype"], "data": [zero] * count})
    return msgspec.json.encode({"inputs": inputs})


def _covers(accepted: str, kind: str) -> bool:
    return accepted in ("*/*", kind) or (accepted.endswith("/*") and kind.startswith(accepted[:-1]))
