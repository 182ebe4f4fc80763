"""How metrics are declared, and how a page of them reads."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from longspan.base.metrics import Distribution, Metric, Reading, render

REQUESTS = Metric("longspan_gateway_requests_total", "counter", "Answers given.", ("unit", "class"))
ACTIVE = Metric("longspan_gateway_active_requests", "gauge", "Requests in flight.")
SECONDS = Metric("longspan_gateway_duration_seconds", "histogram", "Time to the whole answer.", ("unit",))


def test_a_page_groups_by_metric_and_orders_by_name_and_label() -> None:
    page = render([Reading(REQUESTS, ("b", "2xx"), 3), Reading(ACTIVE, (), 0.5), Reading(REQUESTS, ("a", "5xx"), 1)])
    assert page == (
        "# HELP longspan_gateway_active_requests Requests in flight.\n"
        "# TYPE longspan_gateway_active_requests gauge\n"
        "longspan_gateway_active_requests 0.5\n"
        "# HELP longspan_gateway_requests_total Answers given.\n"
        "# TYPE longspan_gateway_requests_total counter\n"
        'longspan_gateway_requests_total{unit="a",class="5xx"} 1\n'
        'longspan_gateway_requests_total{unit="b",class="2xx"} 3\n'
    )


def test_a_histogram_ends_with_its_infinite_bucket_sum_and_count() -> None:
    page = render([Reading(SECONDS, ("a",), Distribution(((0.1, 2), (1.0, 3)), 4.25, 5))])
    assert page.splitlines()[2:] == [
        'longspan_gateway_duration_seconds_bucket{unit="a",le="0.1"} 2',
        'longspan_gateway_duration_seconds_bucket{unit="a",le="1"} 3',
        'longspan_gateway_duration_seconds_bucket{unit="a",le="+Inf"} 5',
        'longspan_gateway_duration_seconds_sum{unit="a"} 4.25',
        'longspan_gateway_duration_seconds_count{unit="a"} 5',
    ]


@pytest.mark.parametrize(
    ("value", "text"), [(float("inf"), "+Inf"), (float("-inf"), "-Inf"), (float("nan"), "NaN"), (1e300, "1e+300")]
)
def test_unusual_numbers_are_spelt_as_the_format_wants(value: float, text: str) -> None:
    assert render([Reading(ACTIVE, (), value)]).endswith(f"longspan_gateway_active_requests {text}\n")


@given(st.text(max_size=40))
def test_any_label_value_survives_and_never_breaks_its_line(value: str) -> None:
    line = render([Reading(SECONDS, (value,), Distribution((), 0.0, 0))]).split("\n")[-2]
    quoted = re.fullmatch(r'longspan_gateway_duration_seconds_count\{unit="(.*)"\} 0', line, re.DOTALL)
    assert quoted is not None
    unescaped = re.sub(r"\\(.)", lambda m: "\n" if m[1] == "n" else m[1], quoted[1], flags=re.DOTALL)
    assert unescaped == value


@pytest.mark.parametrize(
    ("name", "kind"), [("Requests_total", "counter"), ("requests", "counter"), ("a_total", "gauge")]
)
def test_a_misnamed_metric_is_refused(name: str, kind: str) -> None:
    with pytest.raises(ValueError, match="name of a metric|end in _total"):
        Metric(name, kind, "")  # type: ignore[arg-type]


def test_a_reading_must_fit_its_metric() -> None:
    with pytest.raises(ValueError, match="labels"):
        Reading(REQUESTS, ("only-one",), 1)
    with pytest.raises(ValueError, match="is a histogram"):
        Reading(SECONDS, ("a",), 1)
