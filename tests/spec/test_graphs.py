"""Graphs that fit are bound and ordered as they run: by hand, by name, rows of different sizes, steps left out."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import event, given
from hypothesis import strategies as st

from longspan.base.errors import Invalid
from longspan.base.signatures import Signature, TensorType
from longspan.spec.bindings import condition
from longspan.spec.fits import Chain, Link, chains, check
from longspan.spec.load import load_text
from tests.spec.files import as_flow
from tests.spec.notation import described


def chain(service: dict[str, Any], lines: str, *models: str) -> Chain:
    """The one service ``s`` of a file, bound."""
    files = {name: {"path": f"{name}.onnx"} for name in models}
    file = load_text(as_flow({"system": {"name": "a"}, "models": files, "services": {"s": service}}), "f")
    signatures = described(lines)
    check(file, signatures)
    return chains(file.system, signatures)["s"]


def links(service: dict[str, Any], lines: str, *models: str) -> dict[str, Link]:
    return {link.name: link for link in chain(service, lines, *models).steps}


READ_TEXT = {
    "accepts": {"image/*": "prepare.content"},
    "answers": {"application/json": "assemble.result"},
    "steps": {
        "prepare": {"run": "steps:prepare", "repeatable": True},
        "detect": {"model": "detect"},
        "cut": {"run": "steps:cut", "repeatable": True, "from": {"probability": "detect.fetch_name_0"}},
        "recognise": {
            "model": "recognise",
            "run": "steps:Letters",
            "repeatable": True,
            "from": {"x": "cut.crops"},
            "pad": {"width": 32},
        },
        "assemble": {"run": "steps:assemble", "repeatable": True},
    },
}
MODELS = ("detect", "recognise")
READ_TEXT_DESCRIBED = """
    model detect: x FP32[batch, 3, dynamic_1, dynamic_2] -> fetch_name_0 FP32[conv_d0, conv_d1, conv_d2, conv_d3]
    model recognise: x FP32[batch, 3, 48, dynamic_1] -> fetch_name_0 FP32[batch, reshape_d2, 18710]
    run s.prepare: content BYTES[1] -> x FP32[1, 3, height, width], picture UINT8[rows, columns, 3]
    run s.cut: probability FP32[1, 1, height, width], picture UINT8[rows, columns, 3] -> crops FP32[batch, 3, 48, ~width], boxes FP32[batch, 4, 2]
    run s.recognise class(): fetch_name_0 FP32[batch, places, 18710] -> text TEXT[batch], confidence FP32[batch]
    run s.assemble: text TEXT[batch], confidence FP32[batch], boxes FP32[batch, 4, 2] -> result JSON[1]
"""  # noqa: E501


def test_the_text_of_a_picture_is_read_by_a_graph_of_five_steps() -> None:
    found = links(READ_TEXT, READ_TEXT_DESCRIBED, *MODELS)
    assert [(name, link.inputs) for name, link in found.items()] == [
        ("prepare", {"content": "content"}),
        ("detect", {"x": "prepare.x"}),
        ("cut", {"probability": "detect.fetch_name_0", "picture": "prepare.picture"}),
        ("recognise", {"x": "cut.crops"}),
        ("assemble", {"text": "recognise.text", "confidence": "recognise.confidence", "boxes": "cut.boxes"}),
    ]


def test_a_step_pads_its_own_dimension_which_is_given_under_another_name() -> None:
    assert links(READ_TEXT, READ_TEXT_DESCRIBED, *MODELS)["recognise"].pad == {"dynamic_1": 32}


def test_a_model_and_a_callable_take_what_the_model_takes_and_give_what_the_callable_gives() -> None:
    recognise = links(READ_TEXT, READ_TEXT_DESCRIBED, *MODELS)["recognise"]
    outputs = {"text": TensorType("BYTES", ("batch",), "text"), "confidence": TensorType("FP32", ("batch",))}
    assert recognise.signature == Signature({"x": TensorType("FP32", ("batch", 3, 48, "dynamic_1"))}, outputs)
    assert recognise.after == Signature({"fetch_name_0": TensorType("FP32", ("batch", "places", 18710))}, outputs)


def test_a_callable_behind_a_model_may_take_more_and_need_not_repeat_the_models_types() -> None:
    found = links(
        {"steps": {"a": {"run": "s:a"}, "b": {"model": "m", "run": "s:b", "inputs": {"size": "INT64[1]"}}}},
        "model m: x FP32[batch, 4] -> y FP32[batch, n]\n"
        "run s.a: content BYTES[1] -> x FP32[batch, 4], size INT64[1]\n"
        "run s.b: y ?, x ?, size ? -> z FP32[batch]",
        "m",
    )["b"]
    assert found.inputs == {"x": "a.x", "size": "a.size"}
    assert found.after is not None
    assert {name: str(kind) for name, kind in found.after.inputs.items()} == {
        "y": "FP32[batch, n]",
        "x": "FP32[batch, 4]",
        "size": "INT64[1]",
    }


def test_a_step_may_take_what_is_given_further_down_and_runs_after_it() -> None:
    found = chain(
        {
            "steps": {
                "read": {"run": "s:read"},
                "join": {"run": "s:join", "from": {"long": "late.x", "short": "read.x"}},
                "late": {"run": "s:late", "from": "read.x"},
                "last": {"run": "s:last", "from": "join.x"},
            }
        },
        "run s.read: content BYTES[1] -> x FP32[n]\nrun s.join: long FP32[a], short FP32[b] -> x FP32[a]\n"
        "run s.late: y FP32[n] -> x FP32[n]\nrun s.last: x FP32[n] -> result JSON[1]",
    )
    assert [link.name for link in found.steps] == ["read", "late", "join", "last"]
    assert found.outputs == {"result": "last.result"}


def test_the_last_step_of_the_file_answers_even_if_others_run_after_it() -> None:
    found = chain(
        {
            "steps": {"a": {"run": "s:a", "from": "c.x"}, "b": {"run": "s:b"}, "c": {"run": "s:c"}},
            "inputs": {"t": "TEXT[1]"},
        }
        | {"accepts": {"*/*": "t"}, "answers": {"text/plain": "c.x", "application/json": "b.z"}},
        "run s.a: y TEXT[1] -> y TEXT[1]\nrun s.b: y TEXT[1] -> z TEXT[1]\nrun s.c: t TEXT[1] -> x TEXT[1]",
    )
    assert [link.name for link in found.steps] == ["c", "a", "b"]
    assert found.outputs == {"x": "c.x", "z": "b.z"}


def test_what_the_first_step_is_given_by_hand_is_not_asked_of_the_request() -> None:
    service = {"steps": {"join": {"run": "s:join", "from": {"b": "read.b"}}, "read": {"run": "s:read"}}}
    service["steps"]["last"] = {"run": "s:last"}
    found = chain(
        service,
        "run s.join: a TEXT[1], b TEXT[1] -> c TEXT[1]\nrun s.read: a TEXT[1] -> b TEXT[1]\n"
        "run s.last: c TEXT[1] -> d TEXT[1]",
    )
    assert list(found.inputs) == ["a"]
    assert [link.name for link in found.steps] == ["read", "join", "last"]


def test_a_condition_is_a_reference_and_what_it_must_be() -> None:
    assert condition("prepare.has_text") == ("prepare.has_text", True)
    assert condition("not prepare.empty") == ("prepare.empty", False)
    assert condition("nothing.here") == ("nothing.here", True)


def test_a_step_that_can_do_without_answers_for_one_that_was_left_out() -> None:
    found = links(
        {"steps": {"a": {"run": "s:a"}, "b": {"run": "s:b", "when": "not a.plain"}, "c": {"run": "s:c"}}},
        "run s.a: content BYTES[1] -> plain BOOL[1]\nrun s.b: content BYTES[1] -> text TEXT[1]\n"
        "run s.c: text? TEXT[1] -> result JSON[1]",
    )
    assert found["b"].when == "not a.plain"
    assert found["c"].signature.optional == ("text",)


def test_a_padded_step_whose_outputs_have_free_dimensions_gives_rows() -> None:
    cut = "run s.cut: content BYTES[1] -> crops FP32[batch, ~width]\n"
    model = "model m: x FP32[batch, n] -> y FP32[batch, m, 7]\n"
    steps: dict[str, Any] = {
        "cut": {"run": "s:c"},
        "m": {"model": "m", "from": {"x": "cut.crops"}, "pad": {"width": 8}},
    }
    steps["last"] = {"run": "s:last"}
    taken_as_rows = chain({"steps": steps}, f"{cut}{model}run s.last: y FP32[batch, ~k, 7] -> result JSON[1]", "m")
    assert taken_as_rows.steps[1].signature.outputs["y"].shape == ("batch", "m", 7)
    with pytest.raises(Invalid, match="its rows differ in m"):
        chain({"steps": steps}, f"{cut}{model}run s.last: y FP32[batch, k, 7] -> result JSON[1]", "m")
    steps["last"]["pad"] = {"m": 4}
    padded = links({"steps": steps}, f"{cut}{model}run s.last: y FP32[batch, k, 7] -> result TEXT[batch]", "m")
    assert padded["last"].pad == {"k": 4}


def test_a_number_and_a_name_may_stand_where_rows_are_taken_that_may_differ() -> None:
    service = {"steps": {"cut": {"run": "s:c"}, "last": {"run": "s:l"}}}
    cut = "run s.cut: content BYTES[1] -> crops FP32[batch, 3, 48, ~width]\n"
    assert chain(service, f"{cut}run s.last: crops FP32[batch, ~c, ~h, ~w] -> result JSON[1]").steps
    with pytest.raises(Invalid, match="c is 3 where last takes size"):
        chain(
            service,
            "run s.cut: content BYTES[1] -> crops FP32[batch, c, ~w], size FP32[c]\n"
            "run s.last: crops FP32[batch, 4, ~w], size FP32[3] -> result JSON[1]",
        )


# --------------------------------------------------------------------------------- whatever the file says


@given(st.data())
def test_steps_that_take_by_hand_run_in_the_same_order_of_need_wherever_they_stand(data: st.DataObject) -> None:
    count = data.draw(st.integers(1, 6))
    takes = {
        f"s{at}": [f"s{data.draw(st.integers(0, at - 1))}" for _ in range(min(at, 2))] for at in range(1, count + 1)
    }
    takes["s0"] = []
    steps = {
        name: {"run": f"s:{name}", "from": {f"x{at}": f"{giver}.y" for at, giver in enumerate(givers)} or {"t": "t"}}
        for name, givers in takes.items()
    }
    lines = "".join(
        f"run s.{name}: {', '.join(f'x{at} TEXT[1]' for at, _ in enumerate(givers)) or 't TEXT[1]'} -> y TEXT[1]\n"
        for name, givers in takes.items()
    )
    # The last of the file answers; the others must be taken by somebody, which a step that looks at all of them does.
    steps["all"] = {"run": "s:all", "from": {f"x{at}": f"{name}.y" for at, name in enumerate(takes)}}
    lines += f"run s.all: {', '.join(f'x{at} TEXT[1]' for at, _ in enumerate(takes))} -> result JSON[1]"
    shuffled = {name: steps[name] for name in data.draw(st.permutations(list(takes)))} | {"all": steps["all"]}
    found = chain({"inputs": {"t": "TEXT[1]"}, "steps": shuffled}, lines)
    order = [link.name for link in found.steps]
    assert sorted(order) == sorted(steps)
    for place, link in enumerate(found.steps):
        assert {source.partition(".")[0] for source in link.inputs.values() if "." in source} <= set(order[:place])


kinds = st.sampled_from(["FP32[n]", "BOOL[1]", "FP32[batch, n]", "FP32[batch, ~n]", "FP32[batch, ~n, ~m]"])


@given(st.data())
def test_whatever_a_graph_says_it_can_run_or_is_complained_about_with_positions(data: st.DataObject) -> None:
    """Each step takes of those before it, mostly as it is given; the last takes something of each."""

    def sometimes() -> bool:
        return data.draw(st.integers(0, 4)) == 4

    given: dict[str, str] = {"content": "BYTES[1]"}
    steps: dict[str, Any] = {}
    lines = []
    for step in ("a", "b", "c", "last"):
        last = step == "last"
        section: dict[str, Any] = {"run": f"s:{step}", "from": {}}
        sources = [f"{other}.x" for other in steps] if last else [data.draw(st.sampled_from(list(given)))]
        takes = []
        for at, source in enumerate(sources):
            kind = data.draw(kinds) if sometimes() else given[source]
            if "~" in kind and not sometimes():
                section["pad"], kind = {"n": 8, **({"m": 4} if "m" in kind else {})}, kind.replace("~", "")
            section["from"][f"x{at}"] = source
            takes.append(f"x{at}{'?' * (last or sometimes())} {kind}")
        if sometimes():
            section["when"] = data.draw(st.sampled_from(["", "not "])) + data.draw(st.sampled_from(list(given)))
        if sometimes():
            section["apart"] = True
        gives = {"x": "TEXT[batch]" if last else data.draw(kinds)}
        given |= {f"{step}.{name}": kind for name, kind in gives.items()}
        lines.append(
            f"run s.{step}: {', '.join(takes)} -> {', '.join(f'{name} {kind}' for name, kind in gives.items())}"
        )
        steps[step] = section
    file = {"inputs": {"content": "BYTES[1]"}, "steps": steps}
    try:
        found = chain(file, "\n".join(lines))
    except Invalid as invalid:
        event("complained about")
        where = [complaint.line for complaint in invalid.complaints]
        assert all(where)
        return
    event("runs")
    order = [link.name for link in found.steps]
    for place, link in enumerate(found.steps):
        assert set(link.inputs) == set(link.signature.inputs)
        looked_at = [condition(link.when).reference] if link.when else []
        for source in [*link.inputs.values(), *looked_at]:
            assert source in found.inputs or source.partition(".")[0] in order[:place]
        for own in link.pad:
            assert any(own in kind.shape for kind in link.signature.inputs.values())
        if steps[link.name].get("apart"):
            assert not any(kind.ragged for kind in (*link.signature.inputs.values(), *link.signature.outputs.values()))
