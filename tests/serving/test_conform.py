"""A worker of ours keeps every promise of the protocol."""

from __future__ import annotations

from longspan.client.conform import Server, examine
from tests.serving.running import Running


def test_a_worker_conforms(shared: Running) -> None:
    report = examine(Server(f"unix:{shared.socket}", timeout=10.0), ["tiny", "double", "same"])
    assert {(answer.model, answer.check, answer.seen) for answer in report.answers if answer.verdict != "kept"} == set()
