"""Who holds a port, from the kernel's tables."""

from __future__ import annotations

import os
import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st

from longspan.base.errors import Missing
from longspan.capabilities.gateway.adapters.ports import _listeners, holder, refuse_taken

HEADER = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"


def line(address: str, port: int, state: str, inode: int) -> str:
    return f"   0: {address}:{port:04X} 00000000:0000 {state} 00000000:00000000 00:00000000 00000000 0 0 {inode} 1\n"


@given(st.integers(1, 65535), st.integers(1, 2**31))
def test_only_who_listens_where_loopback_reaches_counts(port: int, inode: int) -> None:
    table = HEADER + "".join(
        [
            line("0100007F", port, "01", 1),  # a connection
            line("0200A8C0", port, "0A", 2),  # 192.168.0.2
            line("0100007F", port ^ 1, "0A", 3),  # another port
            line("00000000", port, "0A", inode),
        ]
    )
    assert list(_listeners(table, port)) == [str(inode)]


@pytest.mark.parametrize(("family", "address"), [(socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::")])
def test_the_holder_of_a_port_is_named(family: socket.AddressFamily, address: str) -> None:
    with socket.socket(family) as taken:
        try:
            taken.bind((address, 0))
        except OSError:
            pytest.skip("no IPv6 here")
        taken.listen()
        port = taken.getsockname()[1]
        assert holder(port).startswith(f"pid {os.getpid()} (")
        with pytest.raises(Missing, match="choose another port"):
            refuse_taken(port)
    refuse_taken(port)
    assert holder(port) == ""
