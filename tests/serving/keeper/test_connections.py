"""Open connections, counted in the kernel's tables."""

from __future__ import annotations

import os
import socket
from pathlib import Path

from longspan.serving.keeper.connections import on_port, on_socket, opened
from tests.serving.running import until

UNIX = """\
Num       RefCount Protocol Flags    Type St Inode Path
0000000093543fee: 00000003 00000000 00000000 0001 03 4338735 /a/0.sock.new
0000000047fa6e50: 00000002 00000000 00010000 0001 01 4338732 /a/0.sock.new
000000000bf0ca91: 00000003 00000000 00000000 0001 02     0 /a/0.sock.new
000000000bf0ca92: 00000003 00000000 00000000 0001 03 7 /a/0.sock.newer
000000000bf0ca93: 00000003 00000000 00000000 0001 03 8
"""
TCP = """\
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:C4BB 00000000:0000 0A 00000000:00000000 00:00000000 00000000 0 0 1 1 0 100 0
   1: 0100007F:A306 0100007F:C4BB 01 00000000:00000000 00:00000000 00000000 0 0 2 1 0 100 0
   2: 0100007F:C4BB 0100007F:A306 01 00000000:00000000 00:00000000 00000000 0 0 3 1 0 100 0
   3: 0100007F:C4BB 0100007F:A308 08 00000000:00000001 00:00000000 00000000 0 0 4 1 0 100 0
"""


def test_accepted_connections_and_those_in_the_backlog_count_and_the_listener_does_not() -> None:
    assert on_socket(UNIX, "/a/0.sock.new") == 2
    assert on_socket(UNIX, "/a/0.sock") == 0


def test_of_a_port_the_near_ends_count_as_long_as_the_client_is_there() -> None:
    assert on_port(TCP, 0xC4BB) == 1
    assert on_port(TCP, 0xA306) == 1
    assert on_port(TCP, 1) == 0


def test_a_real_socket_is_counted_by_the_name_it_was_bound_to_even_after_a_rename(tmp_path: Path) -> None:
    bound = str(tmp_path / "s.new")
    with socket.socket(socket.AF_UNIX) as listening, socket.socket(socket.AF_UNIX) as client:
        listening.bind(bound)
        listening.listen()
        assert opened(bound) == 0
        os.rename(bound, tmp_path / "s")
        client.connect(str(tmp_path / "s"))
        accepted, _ = listening.accept()
        with accepted:
            assert opened(bound) == 1
    until(lambda: opened(bound) == 0, "it is closed")


def test_a_real_port_is_counted_until_its_client_has_gone() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port)):
            accepted, _ = listening.accept()
            assert opened(f"127.0.0.1:{port}") == 1
        until(lambda: opened(f"127.0.0.1:{port}") == 0, "the client has gone")
        accepted.close()
