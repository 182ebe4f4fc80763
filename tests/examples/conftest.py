"""The steps of examples/read-text and its models, loaded once: what the tests of them share."""

from __future__ import annotations

import pytest

from benchmarks.text_loop import TextLoop


@pytest.fixture(scope="session")
def loop() -> TextLoop:
    """The five steps as plain calls in this process."""
    return TextLoop()
