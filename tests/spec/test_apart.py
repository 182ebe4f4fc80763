"""Which units a service with steps apart becomes, what each is told, and what a change of one leaves alone."""

from __future__ import annotations

from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from longspan.base.signatures import Signature, TensorType
from longspan.spec.load import load_text
from longspan.spec.pins import ModelPin, Pins
from longspan.spec.system import System
from longspan.spec.units import Unit, units
from longspan.wire.orders import StepWork
from tests.spec.files import as_flow
from tests.spec.notation import described

FILE: dict[str, Any] = {
    "system": {"name": "reader"},
    "models": {"detect": {"path": "detect.onnx"}, "recognise": {"path": "recognise.onnx"}},
    "services": {
        "read-text": {
            "version": "3",
            "replicas": 2,
            "resources": {"cpu": 0.5, "memory": "512MiB"},
            "limits": {"fan_out": 512, "queue": 8, "time": "5s"},
            "ready_within": "5s",
            "settle": "1s",
            "accepts": {"image/*": "prepare.content"},
            "answers": {"application/json": "assemble.result"},
            "steps": {
                "prepare": {"run": "steps:prepare", "repeatable": True},
                "detect": {"model": "detect"},
                "cut": {"run": "steps:cut", "from": {"map": "detect.scores"}},
                "recognise": {
                    "model": "recognise",
                    "run": "steps:Letters",
                    "with": {"key": "${env:LETTERS}"},
                    "repeatable": True,
                    "from": {"x": "cut.crops"},
                    "pad": {"width": 32},
                    "when": "prepare.has_text",
                    "resources": {"cpu": 2.5, "memory": "1GiB"},
                },
                "assemble": {"run": "steps:Assemble", "with": {"key": "${env:ASSEMBLE}"}},
            },
        },
        "find": {"steps": {"find": {"model": "detect"}}},
    },
}
DESCRIBED = described("""
    model detect: x FP32[batch, 3, h, w] -> scores FP32[a, b, c, d]
    model recognise: x FP32[batch, 3, 48, n] -> logits FP32[batch, k, 100]
    run read-text.prepare: content BYTES[1] -> x FP32[1, 3, h, w], has_text BOOL[1]
    run read-text.cut: map FP32[1, 1, h, w] -> crops FP32[batch, 3, 48, ~width]
    run read-text.recognise class(key): logits FP32[batch, places, 100] -> text TEXT[batch]
    run read-text.assemble class(key): text? TEXT[batch] -> result JSON[1]
""")
PINS = Pins(
    code="c0de",
    models={name: ModelPin(digest=name[0] * 64, size_bytes=1) for name in ("detect", "recognise")},
    secrets={"LETTERS": "hmac:l", "ASSEMBLE": "hmac:a"},
)
APART = ("detect", "recognise")
"""The steps that can be a unit of their own: `cut` gives rows of different sizes."""


def system(**steps: dict[str, Any] | None) -> System:
    """The file, with keys of steps of read-text changed or (None) taken away: ``detect={"apart": True}``."""
    data = msgspec.json.decode(msgspec.json.encode(FILE))
    for step, keys in steps.items():
        section = data["services"]["read-text"]["steps"][step]
        section.update(keys or {})
        for key in [key for key, value in section.items() if value is None]:
            del section[key]
    return load_text(as_flow(data), "longspan.yaml").system


def by_name(of: System | None = None, pins: Pins = PINS) -> dict[str, Unit]:
    return {unit.name: unit for unit in units(of or system(), DESCRIBED, pins)}


def changed(before: dict[str, Unit], after: dict[str, Unit]) -> set[str]:
    """Names of units whose work is another, or that one of the two does not have."""
    return {
        name
        for name in before.keys() | after.keys()
        if name not in before or name not in after or before[name].digest != after[name].digest
    }


def step_of(unit: Unit, name: str) -> StepWork:
    return next(step for step in unit.work.services[0].steps if step.name == name)


def test_a_step_apart_is_a_unit_named_after_its_service_and_itself() -> None:
    assert list(by_name()) == ["find", "read-text", "read-text.recognise"]
    assert list(by_name(system(detect={"apart": True}))) == [
        "find",
        "read-text",
        "read-text.detect",
        "read-text.recognise",
    ]


def test_scaling_sets_a_step_apart_and_says_how_many_run_at_least() -> None:
    unit = by_name(system(detect={"scaling": {"min": 3, "max": 5}}))["read-text.detect"]
    assert unit.replicas == 3
    assert by_name()["read-text"].replicas == 2
    assert by_name()["read-text.recognise"].replicas == 1


def test_a_unit_is_granted_what_its_own_section_says_and_judged_as_its_service() -> None:
    entry, recognise, find = (by_name()[name] for name in ("read-text", "read-text.recognise", "find"))
    assert (entry.cpu, entry.memory_bytes) == (0.5, 512 << 20)
    assert (recognise.cpu, recognise.memory_bytes) == (2.5, 1 << 30)
    assert (find.cpu, find.memory_bytes) == (0.0, 0)
    assert (recognise.ready_within_seconds, recognise.settle_seconds) == (5.0, 1.0)


def test_threads_are_the_whole_cores_that_are_granted_unless_the_file_says_them() -> None:
    def threads(of: System) -> dict[str, int]:
        return {f"{unit.name}/{m.name}": m.threads for unit in by_name(of).values() for m in unit.work.models}

    assert threads(system()) == {"find/detect": 1, "read-text/detect": 1, "read-text.recognise/recognise": 2}
    told = msgspec.json.decode(msgspec.json.encode(FILE))
    told["models"]["recognise"]["threads"] = 7
    assert threads(load_text(as_flow(told), "f").system)["read-text.recognise/recognise"] == 7


def test_the_entry_knows_whom_to_call_and_nothing_of_what_runs_there() -> None:
    entry = by_name()["read-text"]
    recognise = step_of(entry, "recognise")
    assert entry.work.calls == ("read-text.recognise",)
    assert (recognise.unit, recognise.model, recognise.run, recognise.after) == ("read-text.recognise", "", "", None)
    assert (recognise.when, recognise.pad, recognise.repeatable) == ("prepare.has_text", {"n": 32}, True)
    assert recognise.inputs == {"x": "cut.crops"}
    assert [model.name for model in entry.work.models] == ["detect"]
    assert entry.work.secrets == {"ASSEMBLE": "hmac:a"}


def test_the_unit_of_a_step_is_called_with_its_inputs_and_knows_nothing_of_the_graph() -> None:
    unit = by_name()["read-text.recognise"]
    (service,) = unit.work.services
    (step,) = service.steps
    caller = step_of(by_name()["read-text"], "recognise")
    assert (service.name, service.version, service.internal) == ("read-text.recognise", caller.version, True)
    assert service.inputs == {"x": TensorType("FP32", ("batch", 3, 48, "n"))}
    assert (service.outputs, service.accepts, service.answers) == ({"text": "recognise.text"}, {}, {})
    assert (service.limits.fan_out, service.limits.queue, service.limits.time_seconds) == (512, 8, 5.0)
    assert (step.model, step.run, step.inputs, step.when) == ("recognise", "steps:Letters", {"x": "x"}, "")
    assert step.pad == {"n": 32}, "what to be warm for"
    assert step.signature == caller.signature
    assert step.after == Signature({"logits": TensorType("FP32", ("batch", "places", 100))}, step.signature.outputs)
    assert (unit.work.code, unit.work.secrets, unit.work.calls) == ("c0de", {"LETTERS": "hmac:l"}, ())


def test_what_both_sides_agree_on_is_twelve_digits_that_follow_signature_and_padding() -> None:
    before = step_of(by_name()["read-text"], "recognise").version
    assert len(before) == 12
    assert int(before, 16) >= 0
    padded = by_name(system(recognise={"pad": {"width": 16}}))
    assert step_of(padded["read-text"], "recognise").version != before
    renamed = by_name(system(recognise={"resources": {"cpu": 1}, "when": None}))
    assert step_of(renamed["read-text"], "recognise").version == before


def test_a_model_is_answered_for_by_the_first_unit_by_name_that_holds_it() -> None:
    def answers(of: System) -> set[str]:
        return {f"{unit.name}/{m.name}" for unit in by_name(of).values() for m in unit.work.models if m.answers}

    assert answers(system()) == {"find/detect", "read-text.recognise/recognise"}
    alone = msgspec.json.decode(msgspec.json.encode(FILE))
    del alone["services"]["find"]
    alone["services"]["read-text"]["steps"]["detect"]["apart"] = True
    assert answers(load_text(as_flow(alone), "f").system) == {
        "read-text.detect/detect",
        "read-text.recognise/recognise",
    }


def test_a_service_of_steps_that_are_all_apart_is_an_entry_that_only_calls() -> None:
    data = {"system": {"name": "a"}, "models": {"m": {"path": "m.onnx"}}}
    data["services"] = {"s": {"steps": {"one": {"model": "m", "apart": True}}}}
    lines = described("model m: x FP32[batch, 4] -> y FP32[batch]")
    entry, step = units(load_text(as_flow(data), "f").system, lines, Pins())
    assert (entry.work.models, entry.work.code, entry.work.calls) == ((), "", ("s.one",))
    assert [model.name for model in step.work.models] == ["m"]


# ------------------------------------------------------------------------------------- what stays as it is

sets_apart = st.sampled_from([{"apart": True}, {"resources": {"cpu": 1}}, {"scaling": {"max": 4}}])
plans = st.fixed_dictionaries({}, optional=dict.fromkeys(APART, sets_apart))
FUSED = dict.fromkeys(("apart", "resources", "scaling"))


def planned(plan: dict[str, Any]) -> System:
    return system(**{step: FUSED | plan.get(step, {}) for step in APART})


@given(plans)
def test_every_step_runs_in_exactly_one_unit_and_the_others_call_it(plan: dict[str, Any]) -> None:
    found = by_name(planned(plan))
    ran: dict[str, list[str]] = {}
    for unit in found.values():
        for service in unit.work.services:
            for step in service.steps:
                if step.unit:
                    assert step.unit in unit.work.calls
                    assert step.version == found[step.unit].work.services[0].version
                else:
                    ran.setdefault(f"{service.name.partition('.')[0]}.{step.name}", []).append(unit.name)
                    assert not step.model or step.model in {model.name for model in unit.work.models}
    steps = [f"{name}.{step}" for name, service in FILE["services"].items() for step in service["steps"]]
    assert sorted(ran) == sorted(steps)
    assert all(len(where) == 1 for where in ran.values())
    assert {ran[f"read-text.{step}"][0] for step in plan} == {f"read-text.{step}" for step in plan}
    assert set(found["read-text"].work.calls) == {f"read-text.{step}" for step in plan}


@given(plans, st.sampled_from(["detect", "recognise"]))
def test_a_models_other_bytes_change_only_the_units_that_hold_it(plan: dict[str, Any], model: str) -> None:
    of = planned(plan)
    models = PINS.models | {model: ModelPin(digest="f" * 64, size_bytes=1)}
    before, after = by_name(of), by_name(of, msgspec.structs.replace(PINS, models=models))
    holding = {name for name, unit in before.items() if model in {m.name for m in unit.work.models}}
    assert changed(before, after) == holding != set()


@given(plans, st.sampled_from(["LETTERS", "ASSEMBLE"]))
def test_another_secret_changes_only_the_unit_that_it_is_handed_to(plan: dict[str, Any], secret: str) -> None:
    of = planned(plan)
    before, after = by_name(of), by_name(of, msgspec.structs.replace(PINS, secrets=PINS.secrets | {secret: "other"}))
    step = "recognise" if secret == "LETTERS" else "assemble"
    assert changed(before, after) == {f"read-text.{step}" if step in plan else "read-text"}


@given(plans, st.sampled_from(APART))
def test_setting_a_step_apart_changes_the_entry_alone_and_adds_the_steps_unit(plan: dict[str, Any], step: str) -> None:
    fused = {other: keys for other, keys in plan.items() if other != step}
    before, after = by_name(planned(fused)), by_name(planned(fused | {step: {"apart": True}}))
    assert after.keys() - before.keys() == {f"read-text.{step}"}
    assert changed(before, after) == {"read-text", f"read-text.{step}"}


@given(plans)
def test_counts_and_memory_are_nobodys_work(plan: dict[str, Any]) -> None:
    both = {step: {"scaling": {"min": 2, "max": 3}, "resources": {"memory": "2GiB"}} for step in plan}
    same = {step: {"scaling": {"max": 9}, "resources": {"memory": "1GiB"}} for step in plan}
    assert changed(by_name(planned(both)), by_name(planned(same))) == set()


@given(st.permutations(["read-text", "find"]), st.permutations(["detect", "recognise"]), plans)
def test_the_order_of_services_and_models_in_the_file_is_no_matter(services: Any, models: Any, plan: Any) -> None:
    data = planned(plan).canonical()
    data["services"] = {name: data["services"][name] for name in services}
    data["models"] = {name: data["models"][name] for name in models}
    assert units(System.from_canonical(data), DESCRIBED, PINS) == units(planned(plan), DESCRIBED, PINS)


SHARED = [("a", "one"), ("a", "two"), ("a-b", "one"), ("a-b", "two"), ("b", "one")]


@given(st.sets(st.sampled_from(SHARED)), st.sampled_from(SHARED))
def test_who_answers_for_a_shared_model_never_moves_between_units_that_nobody_touched(
    apart: set[tuple[str, str]], moved: tuple[str, str]
) -> None:
    def of(chosen: set[tuple[str, str]]) -> dict[str, Unit]:
        services: dict[str, Any] = {}
        for service, step in SHARED:
            section = services.setdefault(service, {"steps": {}})["steps"]
            section[step] = {"model": "m", "apart": (service, step) in chosen}
            if step == "two":
                section[step]["from"] = "one.x"
        data = {"system": {"name": "a"}, "models": {"m": {"path": "m.onnx"}}, "services": services}
        lines = described("model m: x FP32[batch, 4] -> x FP32[batch, 4]")
        return {unit.name: unit for unit in units(load_text(as_flow(data), "f").system, lines, PINS)}

    fused, set_apart = of(apart - {moved}), of(apart | {moved})
    service, step = moved
    assert changed(fused, set_apart) == {service, f"{service}.{step}"}
    for found in (fused, set_apart):
        assert sum(model.answers for unit in found.values() for model in unit.work.models) == 1
