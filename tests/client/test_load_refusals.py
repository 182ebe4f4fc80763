"""A load on a service that refuses: are its refusals what they must be?"""

from __future__ import annotations

from pathlib import Path

from longspan.client.load import Answer, run
from tests.client.test_load import Server, always, plan, reasons


def test_a_refusal_may_be_an_answer_that_is_judged_like_any_other(tmp_path: Path) -> None:
    def check(answer: Answer) -> str:
        return "" if (answer.status, dict(answer.headers)[b"retry-after"]) == (503, b"2") and answer.number else "first"

    refusal = b"HTTP/1.1 503 Busy\r\nretry-after: 2\r\ncontent-length: 2\r\n\r\nno"
    with Server(tmp_path / "s", always(refusal)) as server:
        report = run(plan(server.address, check=check, judged=(200, 503)))
    assert (report.ok, reasons(report)) == (39, {"wrong answer: first": 1})
