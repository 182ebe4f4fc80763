"""Step modules for tests: real files on the import path, forgotten again afterwards."""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

Module = Callable[..., str]
PREAMBLE = """\
from __future__ import annotations
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Annotated, Any, NamedTuple, TypedDict
import numpy as np
from numpy.typing import NDArray
from longspan import Json, Shape
"""


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Module]:
    """Writes ``steps.py`` (or another file) with the usual imports and gives ``steps``."""
    monkeypatch.syspath_prepend(tmp_path)
    known = set(sys.modules)

    def write(source: str, name: str = "steps", preamble: str = PREAMBLE) -> str:
        (tmp_path / f"{name}.py").write_text(preamble + textwrap.dedent(source))
        return name

    yield write
    for name in set(sys.modules) - known:
        if str(getattr(sys.modules[name], "__file__", "")).startswith(str(tmp_path)):
            del sys.modules[name]
