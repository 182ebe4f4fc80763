"""A secret is a name in the file and a name in the orders; its value is nobody's business here."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given

from longspan.spec.load import load_text
from longspan.spec.secrets import marked, names, secret_name, within
from tests.spec.files import settings_values


@pytest.mark.parametrize(
    "text", ["TOKEN", "${TOKEN}", "$TOKEN", "${env:}", "${env:1A}", "${env:A B}", " ${env:A}", "${env:A}\n"]
)
def test_other_text_names_no_secret(text: str) -> None:
    assert secret_name(text) is None


def test_all_names_of_a_system_are_found_once_and_sorted() -> None:
    text = """
        system: {name: a}
        services:
          one: {steps: {a: {run: "steps:A", with: {x: "${env:B}", y: {z: ["${env:A_1}", "${env:B}"]}}}}}
          two: {steps: {a: {run: "steps:A"}, b: {run: "steps:B", with: {x: "${env:C}"}}}}
    """
    assert names(load_text(text, "f").system) == ("A_1", "B", "C")


@given(settings_values)
def test_every_secret_is_marked_and_nothing_else_is_changed(value: Any) -> None:
    def unmarked(value: Any) -> Any:
        if isinstance(value, dict):
            return f"${{env:{value['$env']}}}" if "$env" in value else {k: unmarked(v) for k, v in value.items()}
        return [unmarked(child) for child in value] if isinstance(value, list) else value

    orders = marked(value)
    assert unmarked(orders) == value
    assert not list(within(orders))
