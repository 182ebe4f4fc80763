"""From the section to the policy that the scaler is told."""

from __future__ import annotations

import msgspec
import pytest

from longspan.base.errors import Invalid
from longspan.spec.hours import parse_hours
from longspan.spec.load import load_text
from longspan.spec.scaling import Policy, Raised, load_policy, policies
from longspan.spec.system import System

FILE = """
system: {name: a}
services:
  read:
    scaling: {max: 4}
    steps:
      one: {run: "steps:one"}
      two:
        run: "steps:two"
        scaling:
          min: 2
          max: 8
          in_flight: 8
          calm: 30s
          schedules: [{at: "mon-fri 08:00-18:00 Europe/Berlin", min: 3}]
  plain: {replicas: 2, steps: {one: {run: "steps:one"}}}
"""


def test_each_unit_that_scales_has_a_policy() -> None:
    found = policies(load_text(FILE, "f").system)
    assert sorted(found) == ["read", "read.two"]
    assert found["read"] == Policy(min=1, max=4)
    hours = parse_hours("mon-fri 08:00-18:00 Europe/Berlin")
    assert found["read.two"] == Policy(
        min=2, max=8, cpu=None, in_flight=8.0, queue_wait_seconds=None, calm_seconds=30.0, schedules=(Raised(hours, 3),)
    )


def test_without_a_signal_cpu_and_queue_wait_are_looked_at() -> None:
    found = policies(load_text(FILE, "f").system)["read"]
    assert (found.cpu, found.queue_wait_seconds, found.in_flight) == (0.75, 0.05, None)


def test_a_file_with_scaling_is_a_file_again_when_written_down() -> None:
    system = load_text(FILE, "f").system
    assert System.from_canonical(msgspec.json.decode(msgspec.json.encode(system.canonical()))) == system


def test_a_policy_is_the_same_after_it_was_recorded() -> None:
    for one in policies(load_text(FILE, "f").system).values():
        assert msgspec.json.decode(msgspec.json.encode(one), type=Policy) == one


@pytest.mark.parametrize("text", ["scaling: {max: 3, cpu: 60%}", "max: 3\ncpu: 60%"])
def test_a_policy_may_stand_in_a_file_of_its_own(text: str) -> None:
    assert load_policy(text, "policy.yaml") == Policy(max=3, cpu=0.6, queue_wait_seconds=None)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("scaling: {max: 0}", "policy.yaml:1:16: scaling.max is 0; the least is 1"),
        ("max: 3\nmin: 4", "policy.yaml:1:6: max is 3, below min (4)"),
        ("- 1", "policy.yaml:1:1: is a list"),
        ("scaling: {max: 3}\nother: 1", "policy.yaml:2:1: other is no key that is known here"),
        ("scalling: {max: 3}", "scalling is no key that is known here\n    Did you mean scaling?"),
        ("", "policy.yaml:1:1: is empty\n    Write a policy: scaling: {min: 1, max: 4}"),
    ],
)
def test_a_wrong_one_is_told_with_its_place(text: str, told: str) -> None:
    with pytest.raises(Invalid) as raised:
        load_policy(text, "policy.yaml")
    assert told in str(raised.value)
