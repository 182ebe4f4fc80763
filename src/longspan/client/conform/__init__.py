"""Does a server speak the Open Inference Protocol? A contract suite that anybody can run on any server.

`examine` asks a server everything that the protocol's REST side promises, and says of each promise whether it was kept
and what was seen instead. Nothing here knows who is asked: our gateway, a server behind a step (``command:``, ``url:``)
and other people's servers pass the same questions. The command is ``longspan conform``; a test suite of one's own takes
`CHECKS`::

    from longspan.client.conform import CHECKS, Server, ask

    @pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.name)
    def test_it_speaks_oip(check):
        answer = ask(check, Server("http://127.0.0.1:9000", timeout=10.0), model="echo")
        assert answer.verdict in ("kept", "not offered"), answer.seen

Source: Open Inference Protocol v2, "HTTP/REST" and its binary tensor data extension.
"""

from __future__ import annotations

from longspan.client.conform.server import Server
from longspan.client.conform.suite import CHECKS, ask, examine
from longspan.client.conform.values import Answer, Check, Report

__all__ = ["CHECKS", "Answer", "Check", "Report", "Server", "ask", "examine"]
