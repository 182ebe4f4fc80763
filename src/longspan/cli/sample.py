"""Which curl line will work? Pure: what a service takes and what lies beside the file, in; a line, out."""

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


def natural_line(url: str, service: str, ranges: Sequence[str], files: Sequence[str]) -> str:
    """A line that sends natural content. `files` are paths that can be sent: one that is named after the
    service is its sample (``flower.json``); where anything is accepted, any file will do.
    """
    address = f"{url}/v1/services/{service}"
    for file in files:
        kind = mimetypes.guess_type(file)[0] or "application/octet-stream"
        if os.path.splitext(os.path.basename(file))[0] == service and any(_covers(one, kind) for one in ranges):
            return f"curl -H 'content-type: {kind}' --data-binary {shlex.quote('@' + file)} {address}"
    if any(one in ("*/*", "text/*") for one in ranges) and files:
        kind = "" if "*/*" in ranges else "-H 'content-type: text/plain' "
        return f"curl {kind}--data-binary {shlex.quote('@' + files[0])} {address}"
    return f"curl -H 'content-type: {ranges[0]}' --data-binary @YOUR-FILE {address}"


def infer_line(url: str, name: str, metadata: Mapping[str, Any]) -> str:
    """A line that infers by the Open Inference Protocol, all zeros; for large tensors, one that asks what it takes."""
    address = f"{url}/v2/models/{name}"
    inputs = []
    for tensor in metadata.get("inputs", ()):
        shape = [size if size > 0 else 1 for size in tensor["shape"]]
        count = math.prod(shape)
        if count > _MOST_ELEMENTS:
            return f"curl {address}"
        zero: object = {"BYTES": "", "BOOL": False}.get(tensor["datatype"], 0)
        inputs.append({"name": tensor["name"], "shape": shape, "datatype": tensor["datatype"], "data": [zero] * count})
    body = msgspec.json.encode({"inputs": inputs}).decode()
    return f"curl -H 'content-type: application/json' -d {shlex.quote(body)} {address}/infer"


def _covers(accepted: str, kind: str) -> bool:
    return accepted in ("*/*", kind) or (accepted.endswith("/*") and kind.startswith(accepted[:-1]))
