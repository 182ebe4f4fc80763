"""Envoy's figures under our names."""

from __future__ import annotations

from longspan.base.metrics import Distribution, render
from longspan.capabilities.gateway.api import METRICS, UP, readings, translate
from tests.capabilities.gateway.conftest import Site, until
from tests.capabilities.gateway.works import endpoint, work


def test_milliseconds_become_seconds_and_classes_keep_their_name() -> None:
    page = """\
# TYPE envoy_cluster_upstream_rq_xx counter
envoy_cluster_upstream_rq_xx{envoy_response_code_class="2",envoy_cluster_name="hello"} 3
# TYPE envoy_cluster_upstream_rq_time histogram
envoy_cluster_upstream_rq_time_bucket{envoy_cluster_name="hello",le="0.5"} 1
envoy_cluster_upstream_rq_time_bucket{envoy_cluster_name="hello",le="250"} 2
envoy_cluster_upstream_rq_time_bucket{envoy_cluster_name="hello",le="+Inf"} 3
envoy_cluster_upstream_rq_time_sum{envoy_cluster_name="hello"} 1250.5
envoy_cluster_upstream_rq_time_count{envoy_cluster_name="hello"} 3
envoy_of_another_kind{} 7
"""
    answers, duration = translate(page)
    assert (answers.metric.name, answers.labels, answers.value) == ("longspan_unit_answers_total", ("hello", "2xx"), 3)
    assert duration.metric.name == "longspan_unit_duration_seconds"
    assert duration.value == Distribution(((0.0005, 1), (0.25, 2)), 1.2505, 3)


def test_every_declared_metric_is_read_from_a_living_envoy(site: Site) -> None:
    at = endpoint("hello")
    site.up(at)
    site.tell(work("hello"), endpoints=(at,))
    site.call("/v1/services/hello")
    site.call("/nowhere", None)
    until(lambda: {one.metric for one in readings(site.envoy)} == set(METRICS), why="all metrics read")
    page = render(readings(site.envoy)).splitlines()
    assert 'longspan_unit_answers_total{unit="hello",class="2xx"} 1' in page
    assert 'longspan_unit_endpoints_healthy{unit="hello"} 1' in page
    assert 'longspan_gateway_answers_total{class="4xx"} 1' in page


def test_without_envoy_only_that_is_told(site: Site) -> None:
    [reading] = readings(site.envoy)
    assert (reading.metric, reading.value) == (UP, 0)
