"""Does the model of a queue wait as long as the theory of queues says, and as the rules of our replicas demand?"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from statistics import fmean, stdev

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.queue_model import Arrivals, Outcome, Worker, simulate
from benchmarks.queue_model.arrivals import always, exponential, made, poisson
from benchmarks.queue_model.outcome import REFUSED
from benchmarks.queue_model.shapes import steady
from longspan.system.records import Sample

MEAN = 0.02
REQUESTS = 60_000
BATCHES = 20
"""Waits are alike from one request to the next; the means of long batches are nearly independent."""


def at_load(load: float, service: Callable[..., object], seed: int) -> Arrivals:
    rate = load / MEAN
    return made("made", poisson(steady(rate), REQUESTS / rate, seed, rate), service, seed)  # type: ignore[arg-type]


def agrees(waits: Sequence[float], expected: float) -> None:
    """The expected mean lies within three standard errors, and these are small enough to say something."""
    size = len(waits) // BATCHES
    means = [fmean(waits[n * size : (n + 1) * size]) for n in range(BATCHES)]
    error = stdev(means) / math.sqrt(BATCHES)
    assert error < 0.08 * expected
    assert abs(fmean(means) - expected) < 3 * error


def given_by_hand(at: Sequence[float], service: Sequence[float], worker: Worker, replicas: int = 1) -> Outcome:
    arrivals = Arrivals(name="by hand", at_seconds=tuple(at), service_seconds=tuple(service))
    return simulate(arrivals, worker, replicas=replicas)


@pytest.mark.parametrize("load", [0.3, 0.6, 0.8])
def test_exponential_service_waits_as_in_an_m_m_1_queue(load: float) -> None:
    found = simulate(at_load(load, exponential(MEAN), seed=11))
    agrees(found.waits, load * MEAN / (1 - load))
    # The response is exponential too, with the mean MEAN / (1 - load).
    assert found.percentile(0.95) == pytest.approx(math.log(20) * MEAN / (1 - load), rel=0.08)


@pytest.mark.parametrize("load", [0.3, 0.6, 0.8])
def test_equal_service_waits_half_as_long_as_in_an_m_d_1_queue(load: float) -> None:
    found = simulate(at_load(load, always(MEAN), seed=12))
    agrees(found.waits, load * MEAN / (1 - load) / 2)


def test_two_replicas_wait_longer_than_behind_one_queue_and_shorter_than_by_chance() -> None:
    load = 0.7
    found = simulate(at_load(2 * load, exponential(MEAN), seed=13), replicas=2)
    behind_one_queue = MEAN * load**2 / (1 - load**2)  # M/M/2
    by_chance = MEAN * load / (1 - load)
    assert behind_one_queue < found.mean_wait < by_chance


def test_the_same_arrivals_and_seed_give_the_same_outcome_to_the_last_digit() -> None:
    arrivals = at_load(1.5, exponential(MEAN), seed=14)
    first, again, other = (simulate(arrivals, replicas=2, seed=seed) for seed in (1, 1, 2))
    assert first == again
    assert first.waits != other.waits


def test_requests_are_answered_one_after_the_other_in_order() -> None:
    found = given_by_hand([0, 1, 2, 10], [4, 2, 1, 1], Worker())
    assert list(found.waits) == [0, 3, 4, 0]
    assert list(found.responses) == [4, 5, 5, 1]
    assert found.mean_wait == 1.75


def test_a_request_goes_where_the_fewest_are() -> None:
    found = given_by_hand([0, 0, 0, 1], [9, 2, 1, 1], Worker(), replicas=2)
    # Two at once take a replica each; whoever has the long one gets no more than its share.
    assert sorted(found.responses[:2]) == [2, 9]
    assert found.waits[3] in (1, 2)


def test_what_shares_a_run_pays_its_fixed_part_once_and_is_answered_together() -> None:
    worker = Worker(rows=2, once_seconds=3)
    found = given_by_hand([0, 1, 1, 1], [4, 4, 4, 4], worker)
    assert list(found.waits) == [0, 3, 3, 8]
    assert list(found.responses) == [4, 8, 8, 12]


def test_one_more_than_may_wait_is_refused_and_counts_as_never_answered() -> None:
    found = given_by_hand([0, 1, 2, 3], [9, 9, 9, 9], Worker(queue=2))
    assert (found.refused, found.waits[3], found.responses[3]) == (1, REFUSED, REFUSED)
    assert found.percentile(0.5) == 17
    assert found.percentile(1.0) == math.inf


class Written:
    """A scaler that wants what is written down for each second, and keeps what it was shown."""

    def __init__(self, *counts: int) -> None:
        self.counts = counts
        self.seen: list[tuple[int, tuple[Sample, ...]]] = []

    def __call__(self, at: int, samples: Sequence[Sample], replicas: int) -> tuple[int, str]:
        self.seen.append((at, tuple(samples)))
        return self.counts[min(len(self.seen), len(self.counts)) - 1], "written down"


def loaded(seconds: float = 12.0, rate: float = 30.0) -> Arrivals:
    return made("steady", poisson(steady(rate), seconds, 5, rate), always(MEAN), 5)


def test_a_replica_that_was_asked_for_serves_after_its_start_and_not_before() -> None:
    written = Written(1, 1, 2)
    found = simulate(loaded(), Worker(start_seconds=2.5), scaler=written)
    assert [(one.at, one.before, one.replicas, one.reason) for one in found.decided] == [(2, 1, 2, "written down")]
    assert [len(samples) for _, samples in written.seen[:6]] == [1, 1, 1, 1, 1, 2]
    assert [moment.ready for moment in found.moments[:6]] == [1, 1, 1, 1, 1, 2]
    assert written.seen[5][1][1].load.endpoints[0].begun > 0


def test_a_replica_that_leaves_answers_what_it_has_and_takes_no_more() -> None:
    arrivals = Arrivals(name="by hand", at_seconds=(0, 0, 0, 0, 2, 2, 9), service_seconds=(3,) * 7)
    written = Written(2, 1, 1)
    found = simulate(arrivals, scaler=written, replicas=2)
    assert found.refused == 0
    assert sorted(found.responses[:4]) == [3, 3, 6, 6]
    # Both go to the one that stays, behind the two that it has.
    assert list(found.responses[4:6]) == [7, 10]
    assert [len(samples) for _, samples in written.seen[:3]] == [2, 2, 1]


def test_a_replica_that_is_no_longer_wanted_before_it_was_ready_never_serves() -> None:
    found = simulate(loaded(), Worker(start_seconds=5), scaler=Written(1, 3, 1))
    assert {moment.ready for moment in found.moments} == {1}
    assert found.replica_seconds() == 11 + 2


def test_the_pages_say_what_has_happened_so_far() -> None:
    arrivals = Arrivals(name="by hand", at_seconds=(0.25, 0.5, 0.75, 3), service_seconds=(1, 1, 1, 1))
    written = Written(1)
    simulate(arrivals, Worker(cpu_share=0.5), scaler=written)
    (at, (sample,)) = written.seen[2]
    (endpoint,) = sample.load.endpoints
    assert (at, sample.load.ready, sample.load.cpu_seconds) == (2_000_000_000, True, 0.875)
    assert (endpoint.begun, endpoint.duration_count, endpoint.in_flight, endpoint.queued) == (2, 1, 2, 1)
    assert (endpoint.waited_seconds, endpoint.oldest_seconds, endpoint.duration_sum_seconds) == (0.75, 1.25, 1.0)


def test_a_model_without_a_replica_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one"):
        simulate(loaded(), replicas=0)
    with pytest.raises(ValueError, match="wants 0 replicas"):
        simulate(loaded(), scaler=Written(1, 0))


@settings(deadline=None, max_examples=40)
@given(
    st.lists(st.tuples(st.floats(0, 0.5), st.floats(0.001, 1)), min_size=1, max_size=80),
    st.lists(st.integers(1, 4), min_size=1, max_size=6),
    st.integers(1, 3),
    st.integers(1, 5),
    st.floats(0, 3),
)
def test_every_request_is_answered_or_refused_whatever_the_scaler_does(
    drawn: list[tuple[float, float]], counts: list[int], rows: int, queue: int, start: float
) -> None:
    at, times = 0.0, []
    for gap, _ in drawn:
        at += gap
        times.append(at)
    arrivals = Arrivals(name="drawn", at_seconds=tuple(times), service_seconds=tuple(took for _, took in drawn))
    found = simulate(arrivals, Worker(rows=rows, queue=queue, start_seconds=start), scaler=Written(*counts))
    for wait, response, (_, took) in zip(found.waits, found.responses, drawn, strict=True):
        assert (wait == response == REFUSED) or (wait >= 0 and response >= wait + took - 1e-9)
