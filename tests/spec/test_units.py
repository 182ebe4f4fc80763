"""Which processes a system becomes, and what makes one of them another."""

from __future__ import annotations

import json
from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from longspan.spec.load import load_text
from longspan.spec.system import System
from longspan.spec.units import ModelPin, Pins, Unit, describe_orders, units
from longspan.wire.orders import Described, Work
from tests.spec.notation import described

FILE = """\
system: {name: shop}
models:
  embed: {path: embed.onnx, threads: 2, version: "3"}
  spare: {path: spare.onnx}
services:
  zoo:
    accepts: {"*/*": clean.text}
    answers: {application/json: embed.vector, text/plain: clean.words}
    steps:
      clean: {run: "steps:Clean", with: {key: "${env:ZOO_KEY}", deep: ["${env:A}", 1]}, repeatable: true}
      embed: {model: embed}
  ask:
    replicas: 3
    ready_within: 5s
    settle: 1s
    version: "2"
    limits: {body: 1MiB, queue: 8, time: 250ms}
    steps:
      embed: {model: embed}
  count:
    steps:
      count: {run: "steps:count"}
"""
DESCRIBED = described("""
    model embed: words TEXT[batch] -> vector FP32[batch, 8]
    model spare: x FP32[batch, 4] -> y FP32[batch]
    run zoo.clean class(key, deep): text TEXT[1] -> words TEXT[1]
    run count.count: words TEXT[batch] -> n INT64[batch]
""")
PINS = Pins(
    code="c0de",
    models={"embed": ModelPin(digest="e" * 64, size_bytes=1), "spare": ModelPin(digest="5" * 64, size_bytes=1)},
    secrets={"A": "hmac:a", "ZOO_KEY": "hmac:z", "UNUSED": "hmac:u"},
)


def system(text: str = FILE) -> System:
    return load_text(text, "longspan.yaml").system


def by_name(text: str = FILE, pins: Pins = PINS) -> dict[str, Unit]:
    return {unit.name: unit for unit in units(system(text), DESCRIBED, pins)}


def test_each_service_is_a_unit_and_so_is_a_model_that_no_service_uses() -> None:
    assert [unit.name for unit in units(system(), DESCRIBED, PINS)] == ["ask", "count", "spare", "zoo"]


def test_a_unit_runs_as_often_and_is_judged_as_long_as_its_service_says() -> None:
    ask, spare = by_name()["ask"], by_name()["spare"]
    assert (ask.replicas, ask.ready_within_seconds, ask.settle_seconds) == (3, 5.0, 1.0)
    assert (spare.replicas, spare.ready_within_seconds, spare.settle_seconds) == (1, 60.0, 10.0)


def test_one_unit_answers_for_a_model_that_several_hold() -> None:
    held = {name: [(m.name, m.answers) for m in unit.work.models] for name, unit in by_name().items()}
    assert held == {
        "ask": [("embed", True)],
        "count": [],
        "spare": [("spare", True)],
        "zoo": [("embed", False)],
    }


def test_work_says_all_that_a_worker_needs() -> None:
    (service,) = by_name()["zoo"].work.services
    clean, embed = service.steps
    assert (clean.run, clean.model, clean.repeatable) == ("steps:Clean", "", True)
    assert (embed.run, embed.model, embed.repeatable) == ("", "embed", True)
    assert embed.inputs == {"words": "clean.words"}
    assert service.outputs == {"vector": "embed.vector", "words": "clean.words"}
    (model,) = by_name()["ask"].work.models
    assert (model.version, model.threads, model.digest) == ("3", 2, "e" * 64)
    limits = by_name()["ask"].work.services[0].limits
    assert (limits.body_bytes, limits.queue, limits.time_seconds) == (1 << 20, 8, 0.25)


def test_a_step_that_does_not_say_so_is_not_repeatable() -> None:
    assert not by_name()["count"].work.services[0].steps[0].repeatable


def test_a_secret_stands_in_the_orders_as_its_name_and_in_the_work_as_its_hmac() -> None:
    work = by_name()["zoo"].work
    assert work.services[0].steps[0].settings == {"key": {"$env": "ZOO_KEY"}, "deep": [{"$env": "A"}, 1]}
    assert work.secrets == {"A": "hmac:a", "ZOO_KEY": "hmac:z"}
    assert by_name()["count"].work.secrets == {}


def test_changed_code_is_changed_work_only_where_code_runs() -> None:
    before, after = by_name(), by_name(pins=msgspec.structs.replace(PINS, code="other"))
    assert {name for name in before if before[name].digest != after[name].digest} == {"zoo", "count"}


def test_a_changed_model_or_secret_is_changed_work_where_it_is_used() -> None:
    before = by_name()
    models = PINS.models | {"embed": ModelPin(digest="f" * 64, size_bytes=1)}
    after = by_name(pins=msgspec.structs.replace(PINS, models=models))
    assert {name for name in before if before[name].digest != after[name].digest} == {"ask", "zoo"}
    after = by_name(pins=msgspec.structs.replace(PINS, secrets=PINS.secrets | {"A": "hmac:b", "UNUSED": "hmac:v"}))
    assert {name for name in before if before[name].digest != after[name].digest} == {"zoo"}


def test_more_replicas_are_the_same_work() -> None:
    assert by_name(FILE.replace("replicas: 3", "replicas: 4"))["ask"].digest == by_name()["ask"].digest


def test_the_order_of_answers_is_work_since_the_first_is_the_default() -> None:
    swapped = "{text/plain: clean.words, application/json: embed.vector}"
    after = by_name(FILE.replace("{application/json: embed.vector, text/plain: clean.words}", swapped))
    assert after["zoo"].digest != by_name()["zoo"].digest


def test_the_order_of_services_and_models_is_no_change() -> None:
    before = by_name()
    data = system().canonical()
    data["services"] = dict(reversed(data["services"].items()))
    data["models"] = dict(reversed(data["models"].items()))
    assert {u.name: u.digest for u in units(System.from_canonical(data), DESCRIBED, PINS)} == {
        name: unit.digest for name, unit in before.items()
    }


def test_what_a_ledger_kept_gives_the_same_units() -> None:
    kept = json.loads(json.dumps(system().canonical()))
    signatures = msgspec.json.decode(msgspec.json.encode(DESCRIBED), type=Described)
    pins = msgspec.json.decode(msgspec.json.encode(PINS), type=Pins)
    assert units(System.from_canonical(kept), signatures, pins) == units(system(), DESCRIBED, PINS)


def test_work_survives_being_written_down() -> None:
    for unit in by_name().values():
        again = msgspec.json.decode(msgspec.json.encode(unit.work), type=Work)
        assert again.digest() == unit.digest == unit.work.digest()


def test_units_can_be_looked_at_before_anything_is_pinned() -> None:
    assert [unit.name for unit in units(system(), DESCRIBED, Pins())] == ["ask", "count", "spare", "zoo"]


def test_a_describing_child_is_told_of_every_model_and_every_run_step() -> None:
    orders = describe_orders(system(), code_path="/src", model_paths={"embed": "e.onnx", "spare": "s.onnx"})
    assert orders.code_path == "/src"
    assert orders.models == {"embed": "e.onnx", "spare": "s.onnx"}
    assert orders.runs == {"zoo.clean": "steps:Clean", "count.count": "steps:count"}


def test_no_folder_goes_on_the_import_path_where_no_step_runs_code() -> None:
    alone = system("system: {name: a}\nmodels: {spare: {path: spare.onnx}}")
    assert describe_orders(alone, code_path="/src", model_paths={"spare": "s.onnx"}).code_path == ""


@given(st.permutations(["embed", "spare"]), st.permutations(["zoo.clean", "count.count"]))
def test_units_do_not_depend_on_the_order_in_which_things_were_described(models: Any, runs: Any) -> None:
    shuffled = Described(
        models={name: DESCRIBED.models[name] for name in models}, runs={key: DESCRIBED.runs[key] for key in runs}
    )
    assert units(system(), shuffled, PINS) == units(system(), DESCRIBED, PINS)
