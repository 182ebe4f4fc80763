"""The door of the API: also a fault of control's own is answered in words."""

from __future__ import annotations

import pytest

from longspan.base.errors import LongspanError
from longspan.client.control import Control
from longspan.control import http
from longspan.control.main import _open
from tests.control.worlds import Running


def test_a_fault_of_control_is_answered_with_what_it_was(running: Running) -> None:
    def down(now: bool) -> None:
        raise ZeroDivisionError(f"now is {now}")

    state = running.folder / ".longspan"
    _open(state / "control.sock", http.api(running.world, knock=lambda: None, down=down))
    with pytest.raises(LongspanError, match="ZeroDivisionError: now is False"):
        Control(state).down()
