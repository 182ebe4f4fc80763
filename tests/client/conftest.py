"""Clients of both kinds, for tests that ask the same of each."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.client.both import KINDS


@pytest.fixture(params=KINDS, ids=["sync", "async"])
def make(request: pytest.FixtureRequest) -> Iterator[Callable[..., Any]]:
    """Makes clients of one kind, which do not try again unless told to, and closes them."""
    made = []

    def one(url: str, **settings: Any) -> Any:
        made.append(request.param(url, **{"retry": None, "timeout": 5.0, **settings}))
        return made[-1]

    yield one
    for client in made:
        client.__exit__(None, None, None)
