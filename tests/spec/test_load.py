"""A file becomes a system, or everything that is wrong with it; nothing else comes out."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from longspan.base.errors import Invalid
from longspan.spec.load import COMPLAINT_LIMIT, Loaded, load_text
from longspan.spec.system import System
from tests.spec.files import as_block, as_flow, systems

HELLO = """\
system: {name: hello}
models:
  iris: {path: iris.onnx}
services:
  flower:
    replicas: 2
    accepts: {application/json: read.content}
    answers: {application/json: classify.species}
    steps:
      read: {run: "steps:Read", with: {strict: true, token: "${env:TOKEN}"}, repeatable: true}
      classify: {model: iris}
gateway: {port: 0}
"""


def load(text: str) -> Loaded:
    return load_text(text, "longspan.yaml")


def complaints(text: str | bytes) -> tuple[str, ...]:
    with pytest.raises(Invalid) as raised:
        load_text(text, "longspan.yaml")
    return tuple(str(complaint) for complaint in raised.value.complaints)


def test_a_file_becomes_a_system() -> None:
    system = load(HELLO).system
    assert (system.name, system.gateway.port, system.models["iris"].threads) == ("hello", 0, None)
    service = system.services["flower"]
    assert (service.replicas, service.ready_within.total_seconds(), service.limits.body) == (2, 60, 16 << 20)
    assert list(service.steps) == ["read", "classify"]
    assert service.steps["read"].settings == {"strict": True, "token": "${env:TOKEN}"}


def test_defaults_are_filled_in_and_units_stay_as_people_write_them() -> None:
    assert load(HELLO).system.canonical() == {
        "system": {"name": "hello", "code_limit": "64MiB"},
        "models": {"iris": {"path": "iris.onnx", "version": "1"}},
        "services": {
            "flower": {
                "version": "1",
                "replicas": 2,
                "ready_within": "1m",
                "settle": "10s",
                "limits": {"body": "16MiB", "queue": 256, "time": "30s", "fan_out": 1024},
                "accepts": {"application/json": "read.content"},
                "answers": {"application/json": "classify.species"},
                "steps": {
                    "read": {
                        "run": "steps:Read",
                        "with": {"strict": True, "token": "${env:TOKEN}"},
                        "repeatable": True,
                        "apart": False,
                    },
                    "classify": {"model": "iris", "apart": False},
                },
            }
        },
        "gateway": {"port": 0},
    }


def test_positions_are_found_by_dotted_path() -> None:
    loaded = load(HELLO)
    assert loaded.positions["services.flower.replicas"] == (6, 15)
    complaint = loaded.complaint(("services", "flower", "replicas"), "is wrong")
    assert str(complaint) == "longspan.yaml:6:15: services.flower.replicas is wrong"


def test_what_the_file_leaves_out_is_complained_about_at_what_encloses_it() -> None:
    complaint = load(HELLO).complaint(("models", "iris", "digest"), "is wrong")
    assert (complaint.line, complaint.column, complaint.at) == (3, 3, "models.iris.digest")


def test_comments_and_layout_are_no_change() -> None:
    shuffled = "# Hello.\n" + HELLO.replace(
        "  iris: {path: iris.onnx}", "  iris:\n    # made here\n    path: 'iris.onnx'"
    )
    assert load(shuffled).system.canonical() == load(HELLO).system.canonical()


def test_a_file_of_models_alone_is_a_system() -> None:
    assert load("system: {name: a}\nmodels: {iris: {path: iris.onnx}}").system.services == {}


def test_all_complaints_come_at_once_in_the_order_of_the_file() -> None:
    told = complaints(
        HELLO.replace("port: 0", "port: -1").replace("replicas: 2", "replicas: 0").replace("hello", "Hello")
    )
    assert [line.split(":")[1] for line in told] == ["1", "6", "12"]


@pytest.mark.parametrize("settle", ["10", "'10'", "10 S", "-1s", "2h", "[1s]", "true", "999999999999999d"])
def test_a_duration_that_is_none_is_refused(settle: str) -> None:
    assert len(complaints(HELLO.replace("replicas: 2", f"settle: {settle}"))) == 1


def test_nobody_reads_a_secret_that_was_written_into_the_file() -> None:
    told = "".join(complaints(HELLO.replace('"${env:TOKEN}"', 's3cr3t, more: "x${env:TOKEN}"')))
    assert "with.more" in told
    assert "s3cr3t" not in told
    told = "".join(complaints(HELLO.replace('{strict: true, token: "${env:TOKEN}"}', "s3cr3t")))
    assert "with is text" in told
    assert "s3cr3t" not in told


@given(systems())
def test_a_system_comes_back_from_its_canonical_form_and_from_what_a_ledger_keeps(data: dict[str, Any]) -> None:
    system = load(as_flow(data)).system
    kept = json.loads(json.dumps(system.canonical()))
    again = System.from_canonical(kept)
    assert again == system
    assert as_flow(again.canonical()) == as_flow(system.canonical())


@given(systems())
def test_the_canonical_form_is_a_file_of_the_same_system(data: dict[str, Any]) -> None:
    system = load(as_block(data)).system
    assert load(as_block(system.canonical())).system == system
    assert load(as_flow(data)).system == system


def test_a_canonical_form_of_another_time_is_refused_in_words() -> None:
    data = load(HELLO).system.canonical()
    data["services"]["flower"]["colour"] = "red"
    with pytest.raises(Invalid, match=r"services\.flower\.colour is no key that is known here"):
        System.from_canonical(data)


def judged(text: str | bytes) -> None:
    """A `Loaded` or an `Invalid`, whose complaints speak our words and have positions."""
    try:
        loaded = load_text(text, "f")
    except Invalid as invalid:
        told, loaded = invalid.complaints, None
    else:
        told = ()
    assert bool(told) is (loaded is None)
    for complaint in told:
        assert complaint.problem
        assert min(complaint.line, complaint.column) >= 1
        assert "Input should" not in complaint.problem
        assert str(complaint).replace("\n", "").isprintable()
    if loaded is not None:
        assert load(as_flow(loaded.system.canonical())).system == loaded.system


KEYS = [
    "system",
    "models",
    "services",
    "gateway",
    "name",
    "path",
    "steps",
    "run",
    "with",
    "limits",
    "replicas",
    "[key]",
]
wild = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.sampled_from(KEYS),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS) | st.text(max_size=4), inner),
    max_leaves=12,
)


@given(wild)
def test_any_tree_is_a_system_or_a_list_of_complaints(data: object) -> None:
    judged(json.dumps(data))


@given(systems(), st.data())
def test_a_good_file_with_one_value_replaced_is_judged_all_the_same(data: dict[str, Any], draw: st.DataObject) -> None:
    node: Any = data
    while isinstance(node, dict) and node:
        key = draw.draw(st.sampled_from(sorted(node)))
        if draw.draw(st.booleans()) or not isinstance(node[key], dict) or not node[key]:
            node[draw.draw(st.sampled_from([key, f"{key}x", *KEYS]))] = draw.draw(wild)
            break
        node = node[key]
    judged(json.dumps(data))


@given(st.data())
def test_a_good_file_with_a_few_characters_changed_is_judged_all_the_same(draw: st.DataObject) -> None:
    text = HELLO
    for _ in range(draw.draw(st.integers(1, 4))):
        at = draw.draw(st.integers(0, len(text)))
        gone = draw.draw(st.integers(0, 3))
        new = draw.draw(st.text(max_size=3) | st.sampled_from(list("\t\n:{}[]\"'*&!%#,-?|>@`\\")))
        text = text[:at] + new + text[at + gone :]
    judged(text)


def test_no_name_in_a_complaint_can_play_with_the_terminal() -> None:
    told = "".join(
        complaints(r"""{system: {name: a}, models: {"\e[2J": 3}, services: {s: {steps: {x: {model: "\e[2K"}}}}}""")
    )
    assert "\x1b" not in told
    assert r"\x1b[2J" in told


def test_a_hopeless_file_is_told_of_its_first_mistakes_only() -> None:
    models = "".join(f"  m{n}: {{path: m.onnx}}\n" for n in range(1500))
    steps = "".join(f"      s{n}: {{model: n{n}}}\n" for n in range(1500))
    text = f"system: {{name: a}}\nmodels:\n{models}services:\n  s:\n    steps:\n{steps}"
    with pytest.raises(Invalid) as raised:
        load(text)
    assert len(raised.value.complaints) == COMPLAINT_LIMIT
