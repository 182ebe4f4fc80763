"""Which answers are right while a system changes from one version to the next?"""

from __future__ import annotations

import time
from typing import Any

from benchmarks.judge import Judge
from longspan.client.load import Answer


def read(key: str, answer: Any) -> tuple[str, int]:
    return "" if answer["is"] == key else "another's answer", answer["version"]


def answer(version: int, sent_ns: int, done_ns: int, says: str = "k") -> Answer:
    body = f'{{"is": "{says}", "version": {version}}}'.encode()
    return Answer(number=0, key="k", sent_ns=sent_ns, done_ns=done_ns, headers=(), body=body)


def test_only_what_is_expected_may_answer() -> None:
    judge, now = Judge(read, 1), time.monotonic_ns()
    assert judge(answer(1, now, now)) == ""
    assert "not the right one" in judge(answer(2, now, now))
    assert judge.seen == {1, 2}


def test_during_an_update_either_version_is_right_and_afterwards_only_the_new_one() -> None:
    judge = Judge(read, 1)
    judge.expect(1, 2)
    now = time.monotonic_ns()
    assert judge(answer(1, now, now)) == judge(answer(2, now, now)) == ""
    judge.expect(2)
    now = time.monotonic_ns()
    assert judge(answer(2, now, now)) == ""
    assert judge(answer(1, now, now)) != ""


def test_a_request_that_was_under_way_when_the_wish_changed_may_be_answered_by_either() -> None:
    judge, before = Judge(read, 1), time.monotonic_ns()
    judge.expect(2)
    after = time.monotonic_ns()
    assert judge(answer(1, before, after)) == judge(answer(2, before, after)) == ""
    assert judge(answer(3, before, after)) != ""


def test_a_wrong_answer_is_wrong_whoever_gave_it() -> None:
    now = time.monotonic_ns()
    assert Judge(read, 1)(answer(1, now, now, says="other")) == "another's answer"
