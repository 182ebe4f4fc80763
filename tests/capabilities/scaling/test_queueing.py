"""The approximation against what queueing theory knows exactly, and back from a wait to the service time."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from longspan.capabilities.scaling.decide import queueing


def exactly(servers: int, rate: float, service: float) -> float:
    """The mean wait of M/M/n by Erlang's C formula (A. K. Erlang, 1917)."""
    offered = rate * service
    busy = offered / servers
    last = offered**servers / math.factorial(servers) / (1 - busy)
    waiting = last / (sum(offered**k / math.factorial(k) for k in range(servers)) + last)
    return waiting * service / (servers * (1 - busy))


@given(st.floats(0.01, 0.99), st.floats(0.001, 10))
def test_for_one_server_it_is_exact(busy: float, service: float) -> None:
    rate = busy / service
    assert queueing.wait(1, rate, service) == pytest.approx(exactly(1, rate, service))


@given(st.integers(2, 20), st.floats(0.75, 0.98))
def test_for_more_it_is_near_where_they_are_busy(servers: int, busy: float) -> None:
    rate = busy * servers / 0.1
    exact = exactly(servers, rate, 0.1)
    assert queueing.wait(servers, rate, 0.1) == pytest.approx(exact, rel=0.2, abs=0.002)


@given(st.integers(1, 64), st.floats(0.1, 1000), st.floats(0.02, 0.98))
def test_the_service_time_is_found_again_by_the_wait(servers: int, rate: float, busy: float) -> None:
    service = busy * servers / rate
    assert queueing.inferred(servers, rate, queueing.wait(servers, rate, service)) == pytest.approx(service, rel=0.05)


@given(st.floats(0, 2000), st.floats(0, 0.1), st.floats(0.001, 1))
def test_enough_is_enough_and_one_fewer_is_not(rate: float, service: float, most: float) -> None:
    found = queueing.enough(rate, service, most)
    assert 1 <= found <= queueing.MOST
    assert queueing.wait(found, rate, service) <= most or found == queueing.MOST
    assert found == 1 or queueing.wait(found - 1, rate, service) > most


def test_more_than_can_be_served_waits_without_end() -> None:
    assert queueing.wait(2, 100, 0.02) == math.inf
    assert queueing.wait(2, 0, 0.02) == 0
