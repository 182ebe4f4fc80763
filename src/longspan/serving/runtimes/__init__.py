"""The plugs that run steps: each has `describe` (what goes in and out; nothing runs) and `load` (something to call)."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, Literal

from longspan.base.signatures import Signature

# onnxruntime sends events and keeps a device id in the user's cache folder from its import on; switching it off
# afterwards is too late for both. It stands here since step code may import onnxruntime before our runtime does.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"

request_id: ContextVar[str] = ContextVar("longspan_request_id", default="")
"""``x-request-id`` of the request that is being worked for; the worker sets it where Python steps run."""


_SHORTEST_SECRET = 4
"""Anything shorter would be found in ordinary words."""


@dataclass(frozen=True, slots=True)
class Runnable:
    """A loaded model or step. `function` takes inputs by name (arrays) and by `call` gives

    - ``sync``: ``dict[str, ndarray]``; may block, so it belongs in a thread unless measured short;
    - ``async``: an awaitable of it;
    - ``stream``: an async iterator of it, one per chunk (close it with ``aclose()``).

    Raises `RequestError` for whatever goes wrong inside.
    """

    name: str
    call: Literal["sync", "async", "stream"]
    signature: Signature
    function: Callable[[dict[str, Any]], Any]


_hidden: set[str] = set()


def hide(secret: str) -> None:
    """From now on `redact` takes this value out of texts."""
    if len(secret) >= _SHORTEST_SECRET:
        _hidden.add(secret)


def redact(text: str) -> str:
    """`text` without the secrets that were handed to steps: what is logged or sent goes through here."""
    for secret in _hidden:
        if secret in text:
            text = text.replace(secret, "[secret]")
    return text
