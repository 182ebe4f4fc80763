"""Errors help: where, what, and what to do next, in one breath; and each knows its exit code."""

from __future__ import annotations

from longspan.base.errors import Complaint, Invalid, LongspanError, Missing, Refused, RequestError, Unreachable


def test_an_error_says_where_what_and_what_next() -> None:
    error = LongspanError("is taken", at="gateway.port", remedy="Stop pid 7, or choose another")
    assert str(error) == "gateway.port: is taken. Stop pid 7, or choose another"


def test_what_is_not_known_is_left_out() -> None:
    assert str(LongspanError("the disk is full")) == "the disk is full"


def test_each_error_ends_a_command_with_its_own_code() -> None:
    assert [kind.exit_code for kind in (LongspanError, Missing, Unreachable)] == [1, 1, 1]
    assert Invalid(()).exit_code == 2
    assert Refused("no").exit_code == 4


def test_a_complaint_can_be_clicked() -> None:
    complaint = Complaint("longspan.yaml", 3, 5, "services.hello.replica", "is no key", "Did you mean replicas?")
    assert str(complaint) == "longspan.yaml:3:5: services.hello.replica is no key\n    Did you mean replicas?"


def test_a_complaint_without_a_position_names_the_file() -> None:
    assert str(Complaint("longspan.yaml", 0, 0, "", "is empty")) == "longspan.yaml: is empty"


def test_a_wrong_file_tells_every_complaint_in_the_order_of_the_file() -> None:
    last, first = Complaint("a", 9, 1, "x", "late"), Complaint("a", 2, 1, "y", "early")
    assert Invalid((last, first)).complaints == (first, last)
    assert str(Invalid((last, first))) == "a:2:1: y early\na:9:1: x late"


def test_a_request_that_cannot_be_answered_carries_its_status() -> None:
    error = RequestError(503, "the queue is full", retry_after_seconds=1)
    assert (error.status, str(error), error.retry_after_seconds) == (503, "the queue is full", 1)
