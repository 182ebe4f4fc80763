"""A name is a DNS label, and a mistyped one finds the name that was meant."""

from __future__ import annotations

import pytest

from longspan.base.names import closest, is_label


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("replica", "replicas"),
        ("prot", "port"),
        ("readyWithin", "ready_within"),
        ("ready-within", "ready_within"),
        ("SETTLE", "settle"),
        ("tresholds", "threshold"),
    ],
)
def test_a_mistyped_name_finds_the_one_that_was_meant(typed: str, meant: str) -> None:
    assert closest(typed, ["replicas", "port", "ready_within", "settle", "threshold"]) == meant


def test_a_name_that_is_near_nothing_finds_nothing() -> None:
    assert closest("zebra", ["replicas", "port"]) is None
    assert closest("", ["replicas", "port"]) is None
    assert closest("port", []) is None


def test_the_guess_does_not_depend_on_the_order_of_the_candidates() -> None:
    assert closest("aax", ["aay", "aaz"]) == closest("aax", ["aaz", "aay"])


@pytest.mark.parametrize("name", ["a", "file-type", "0", "a" * 63])
def test_a_dns_label_is_a_name(name: str) -> None:
    assert is_label(name)


@pytest.mark.parametrize("name", ["", "-a", "a-", "A", "a.b", "a_b", "a" * 64, "a\n", "é"])
def test_anything_else_is_no_name(name: str) -> None:
    assert not is_label(name)
