"""What a step that runs in a server of somebody else's becomes, and when that server is another one."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from longspan.base.signatures import TensorType
from longspan.spec.fits import check
from longspan.spec.load import load_text
from longspan.spec.pins import Pins
from longspan.spec.servers import Url, programs
from longspan.spec.system import System
from longspan.spec.units import Unit, describe_orders, units
from longspan.system.diff import diff
from longspan.system.records import Accepted
from longspan.wire.orders import Described, ServerWork, StepWork
from tests.spec.files import as_flow

TYPES = {"inputs": {"text": "BYTES[1]"}, "outputs": {"text": "BYTES[1]"}}
STARTED: dict[str, Any] = {"command": ["node", "upper.js"], **TYPES}
THERE: dict[str, Any] = {"url": "http://127.0.0.1:9000", **TYPES}


def system(step: dict[str, Any]) -> System:
    data = {"system": {"name": "words"}, "services": {"words": {"steps": {"upper": step}}}}
    loaded = load_text(as_flow(data), "longspan.yaml")
    check(loaded, Described())
    return loaded.system


def by_name(step: dict[str, Any], pins: Pins = Pins(code="c0de")) -> dict[str, Unit]:
    return {unit.name: unit for unit in units(system(step), Described(), pins)}


def server(step: dict[str, Any]) -> ServerWork:
    work = by_name(step)["words.upper"].work
    assert work.server is not None
    return work.server


def called(step: dict[str, Any]) -> StepWork:
    return by_name(step)["words"].work.services[0].steps[0]


def test_it_is_a_unit_of_its_own_that_holds_nothing_but_the_server() -> None:
    entry, upper = by_name(STARTED | {"resources": {"cpu": 0.5, "memory": "256MiB"}, "replicas": 3}).values()
    assert (entry.name, entry.replicas, entry.work.calls, entry.work.code) == ("words", 1, ("words.upper",), "")
    assert (upper.name, upper.replicas, upper.cpu, upper.memory_bytes) == ("words.upper", 3, 0.5, 256 << 20)
    assert upper.work.code == "c0de"
    assert upper.work.server == ServerWork(model="upper", command=("node", "upper.js"))
    (service,) = upper.work.services
    assert (service.name, service.internal, service.outputs) == ("words.upper", True, {"text": "upper.text"})
    assert service.inputs == {"text": TensorType("BYTES", (1,))}


def test_its_caller_knows_that_it_is_foreign_and_how_tensors_go_there() -> None:
    assert (called(STARTED).foreign, called(STARTED).binary) == (True, False)
    assert called(STARTED | {"binary": True}).binary


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ({}, ServerWork(model="upper", address="127.0.0.1:9000")),
        ({"url": "http://localhost:9000/"}, ServerWork(model="upper", address="127.0.0.1:9000")),
        ({"url": "unix:/run/other.sock"}, ServerWork(model="upper", address="unix:/run/other.sock")),
        ({"serves": "Big.one"}, ServerWork(model="Big.one", address="127.0.0.1:9000")),
        (
            {"serves": "a/versions/2", "binary": True},
            ServerWork(model="a", version="2", binary=True, address="127.0.0.1:9000"),
        ),
    ],
)
def test_one_that_is_there_already_is_known_by_its_address(keys: dict[str, Any], expected: ServerWork) -> None:
    assert server(THERE | keys) == expected
    assert by_name(THERE | keys)["words.upper"].work.code == ""


def test_an_address_is_what_the_gateway_takes() -> None:
    assert by_name(THERE)["words.upper"].address == "127.0.0.1:9000"
    assert by_name(THERE | {"url": "unix:/run/other.sock"})["words.upper"].address == "/run/other.sock"
    assert by_name(STARTED)["words.upper"].address == ""
    assert server(THERE | {"serves": "a/versions/2"}).path == "/v2/models/a/versions/2"


def test_it_listens_on_a_port_where_url_says_so() -> None:
    assert not server(STARTED).port
    assert not server(STARTED | {"url": "unix:{socket}"}).port
    assert server(STARTED | {"url": "http://127.0.0.1:{port}"}).port


def test_running_it_twice_does_no_harm_only_if_the_file_says_so() -> None:
    assert not called(STARTED).repeatable
    assert called(STARTED | {"repeatable": True}).repeatable


def test_how_it_is_called_is_part_of_what_the_two_agree_on_and_where_it_is_is_not() -> None:
    version = called(THERE).version
    assert by_name(THERE)["words.upper"].work.services[0].version == version
    assert called(THERE | {"url": "http://127.0.0.1:9001"}).version == version
    others = ({"serves": "other"}, {"serves": "upper/versions/1"}, {"binary": True}, {"outputs": {"text": "BYTES[2]"}})
    assert len({version, *(called(THERE | other).version for other in others)}) == 5


def test_changed_code_is_another_server_and_leaves_the_caller_alone() -> None:
    before, after = by_name(STARTED), by_name(STARTED, Pins(code="0ther"))
    assert before["words.upper"].digest != after["words.upper"].digest
    assert before["words"].digest == after["words"].digest


def test_replicas_set_any_step_apart() -> None:
    data = {
        "system": {"name": "a"},
        "models": {"m": {"path": "m.onnx"}},
        "services": {"s": {"steps": {"x": {"model": "m", "replicas": 2}}}},
    }
    assert load_text(as_flow(data), "f").system.services["s"].steps["x"].alone


def test_nothing_of_it_is_described_and_its_program_is_known_with_its_place() -> None:
    assert describe_orders(system(STARTED), code_path="x", model_paths={}).runs == {}
    assert list(programs(system(STARTED))) == [(("services", "words", "steps", "upper", "command", 0), "node")]
    assert list(programs(system(THERE))) == []


def test_a_plan_shows_it_in_the_words_of_the_file() -> None:
    def accepted(step: dict[str, Any]) -> Accepted:
        return Accepted(system=system(step).canonical(), described=Described(), pins=Pins())

    lines = {change.at.removeprefix("services.words.steps.upper."): change for change in diff(None, accepted(STARTED))}
    assert lines["command"].after == "node, upper.js"
    assert lines["binary"].after == "false"
    (change,) = diff(accepted(THERE), accepted(THERE | {"url": "http://localhost:9001"}))
    assert (change.kind, change.before, change.after) == ("~", "http://127.0.0.1:9000", "http://127.0.0.1:9001")


def test_the_canonical_form_of_other_steps_is_as_it_was() -> None:
    data = {"system": {"name": "a"}, "services": {"s": {"steps": {"x": {"run": "steps:x"}}}}}
    canonical = load_text(as_flow(data), "f").system.canonical()
    assert canonical["services"]["s"]["steps"]["x"] == {"run": "steps:x", "repeatable": False, "apart": False}


@given(st.text(max_size=40) | st.builds("http://{}:{}{}".format, *[st.text(max_size=12)] * 3))
def test_any_address_is_taken_in_one_spelling_or_refused_in_words(url: str) -> None:
    form = TypeAdapter(Url)
    try:
        found = form.validate_python(url)
    except ValidationError as refused:
        (detail,) = refused.errors()
        told = detail["type"]
    else:
        told = "longspan" if found.startswith(("http://127.0.0.1:", "unix:/", "unix:{socket}")) else found
        assert form.validate_python(found) == found
    assert told == "longspan"
