"""Talking to Longspan: `Client` and `AsyncClient` for programs, and what the commands use to talk to control.

::

    from longspan.client import Client

    with Client("http://127.0.0.1:8080") as client:
        scores = client.infer("iris", {"flower": array}).outputs["species"]

A name is imported when it is used: a command that asks control one question loads neither asyncio nor numpy.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from longspan.base.errors import RequestError, Unreachable
    from longspan.client.aio import AsyncClient, AsyncStream
    from longspan.client.questions import Inference, Reply
    from longspan.client.retries import Retry
    from longspan.client.sync import Client, Stream

__all__ = [
    "AsyncClient",
    "AsyncStream",
    "Client",
    "Inference",
    "Reply",
    "RequestError",
    "Retry",
    "Stream",
    "Unreachable",
]

_HOMES = {
    "AsyncClient": "longspan.client.aio",
    "AsyncStream": "longspan.client.aio",
    "Client": "longspan.client.sync",
    "Inference": "longspan.client.questions",
    "Reply": "longspan.client.questions",
    "RequestError": "longspan.base.errors",
    "Retry": "longspan.client.retries",
    "Stream": "longspan.client.sync",
    "Unreachable": "longspan.base.errors",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)
