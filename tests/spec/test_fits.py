"""Steps that fit are bound and run as they were proved; steps that do not are told apart before anything runs."""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from longspan.base.errors import Invalid
from longspan.base.signatures import Signature, TensorType
from longspan.spec.fits import Chain, chains, check
from longspan.spec.load import Loaded, load_text
from longspan.spec.shapes import Dimensions, Side, elements_fit
from longspan.wire.orders import Described, PartialSignature
from tests.spec.files import as_flow
from tests.spec.notation import described


def loaded(services: dict[str, Any], models: tuple[str, ...] = ()) -> Loaded:
    files = {name: {"path": f"{name}.onnx"} for name in models}
    return load_text(as_flow({"system": {"name": "a"}, "models": files, "services": services}), "f")


def chain(service: dict[str, Any], lines: str, models: tuple[str, ...] = ()) -> Chain:
    """The one service ``s`` of a file, bound."""
    file, signatures = loaded({"s": service}, models), described(lines)
    check(file, signatures)
    return chains(file.system, signatures)["s"]


FILE_TYPE = {
    "accepts": {"*/*": "prepare.content"},
    "answers": {"application/json": "name.result", "text/plain": "name.kind"},
    "steps": {
        "prepare": {"run": "steps:prepare", "repeatable": True},
        "classify": {"model": "magika"},
        "name": {"run": "steps:name"},
    },
}
DESCRIBED = """
    model magika: bytes INT32[batch, 2048] -> scores FP32[batch, 214]
    run s.prepare: content BYTES[1] -> bytes INT32[batch, 2048], head BYTES[1]
    run s.name: head BYTES[1], scores FP32[batch, 214] -> result JSON[1], kind TEXT[1]
"""


def test_inputs_bind_by_name_to_the_request_and_to_any_earlier_step() -> None:
    found = chain(FILE_TYPE, DESCRIBED, ("magika",))
    assert [(link.name, link.inputs) for link in found.steps] == [
        ("prepare", {"content": "content"}),
        ("classify", {"bytes": "prepare.bytes"}),
        ("name", {"head": "prepare.head", "scores": "classify.scores"}),
    ]


def test_a_service_takes_what_its_first_step_takes_and_gives_what_its_last_step_gives() -> None:
    found = chain(FILE_TYPE, DESCRIBED, ("magika",))
    assert found.inputs == {"content": TensorType("BYTES", (1,))}
    assert found.outputs == {"result": "name.result", "kind": "name.kind"}


def test_natural_content_names_the_services_own_inputs_and_outputs() -> None:
    found = chain(FILE_TYPE, DESCRIBED, ("magika",))
    assert found.accepts == {"*/*": "content"}
    assert found.answers == {"application/json": "result", "text/plain": "kind"}
    assert next(iter(found.answers)) == "application/json"


def test_an_answer_may_come_from_an_earlier_step() -> None:
    service = {**FILE_TYPE, "answers": {"application/json": "classify.scores", "text/plain": "kind"}}
    found = chain(service, DESCRIBED, ("magika",))
    assert found.outputs == {"result": "name.result", "kind": "name.kind", "scores": "classify.scores"}
    assert found.answers == {"application/json": "scores", "text/plain": "kind"}


def test_declared_inputs_reach_steps_further_down() -> None:
    service = {
        "inputs": {"content": "BYTES[1]", "limit": "FP32[1]"},
        "steps": {"a": {"run": "steps:a"}, "b": {"run": "steps:b"}},
    }
    found = chain(service, "run s.a: content BYTES[1] -> x FP32[n]\nrun s.b: x FP32[n], limit FP32[1] -> y FP32[n]")
    assert found.steps[1].inputs == {"x": "a.x", "limit": "limit"}


def test_the_file_completes_what_annotations_leave_open() -> None:
    steps = {"a": {"run": "steps:a", "inputs": {"x": "FP32[batch, 4]"}, "outputs": {"y": "FP32[batch]"}}}
    assert chain({"steps": steps}, "run s.a: x ? -> ?").steps[0].signature == Signature(
        {"x": TensorType("FP32", ("batch", 4))}, {"y": TensorType("FP32", ("batch",))}
    )
    assert chain({"steps": steps}, "run s.a async: x FP32[batch, 4] -> y ?").steps[0].signature.call == "async"


def test_a_class_with_its_settings_fits() -> None:
    steps = {"a": {"run": "steps:A", "with": {"top": 3}}}
    assert chain({"steps": steps}, "run s.a class(top, threshold=): x FP32[1] -> y FP32[1]").steps


def test_a_model_whose_names_have_dots_can_be_a_step() -> None:
    found = chain({"steps": {"a": {"model": "m"}, "b": {"model": "n"}}}, """
        model m: input.1 FP32[batch, 4] -> out.0 FP32[batch, 2]
        model n: out.0 FP32[batch, 2] -> end FP32[batch]
    """, ("m", "n"))  # fmt: skip
    assert [link.inputs for link in found.steps] == [{"input.1": "input.1"}, {"out.0": "a.out.0"}]


def test_what_the_chain_fixes_is_told_to_whoever_calls_it() -> None:
    found = chain(
        {"steps": {"widen": {"run": "steps:w"}, "four": {"run": "steps:f"}}},
        "run s.widen: x FP32[batch, n] -> y FP32[batch, n]\nrun s.four: y FP32[batch, 4] -> z FP32[batch]",
    )
    assert found.inputs == {"x": TensorType("FP32", ("batch", 4))}


def test_a_stream_answers_as_events_or_lines() -> None:
    service = {
        "accepts": {"text/plain": "say.prompt"},
        "answers": {"text/event-stream": "say.word", "application/x-ndjson": "say.word", "text/plain": "say.word"},
        "steps": {"say": {"run": "steps:say"}},
    }
    assert chain(service, "run s.say stream: prompt TEXT[1] -> word TEXT[1]").steps[0].signature.call == "stream"


def test_one_row_of_a_batched_step_may_be_natural_content() -> None:
    service = {"accepts": {"*/*": "a.text"}, "answers": {"application/json": "a.y"}, "steps": {"a": {"run": "s:a"}}}
    assert chain(service, "run s.a: text TEXT[batch] -> y FP32[batch, 3]").accepts == {"*/*": "text"}


def test_a_step_that_could_not_be_described_is_told_once_and_hides_nothing_else() -> None:
    file = loaded({"s": {"steps": {"a": {"run": "steps:a"}, "b": {"run": "steps:b"}}, "inputs": {"x": "FP32[1]"}}})
    with pytest.raises(Invalid) as raised:
        check(file, described("error run:s.a: no module named steps\nrun s.b: x FP64[1], y FP32[1] -> z FP32[1]"))
    told = [(complaint.at, complaint.problem) for complaint in raised.value.complaints]
    assert told == [
        ("services.s.steps.a.run", "no module named steps"),
        ("services.s.steps.b", "takes x FP64[1]; the request gives x FP32[1]"),
    ]


def test_without_positions_a_misfit_is_refused_all_the_same() -> None:
    file = loaded({"s": {"steps": {"a": {"run": "steps:a"}}}})
    with pytest.raises(Invalid, match="could not be described"):
        chains(file.system, Described())


@pytest.mark.parametrize(
    ("given", "taken", "fits"),
    [
        ("json", "text", True),
        ("json", "raw", True),
        ("text", "raw", True),
        ("raw", "text", False),
        ("text", "json", False),
    ],
)
def test_json_is_text_and_text_is_bytes_but_not_the_other_way_round(given: Any, taken: Any, fits: bool) -> None:
    assert elements_fit(given, taken, of_request=False) is fits
    assert elements_fit(given, taken, of_request=True)


# ------------------------------------------------------------- against trying out every possible size

dimensions = st.sampled_from(["batch", "n", "m", 1, 2, 3])
edges = st.lists(
    st.tuples(
        st.sampled_from(["", "a", "b"]),
        st.lists(dimensions, min_size=1, max_size=3),
        st.sampled_from(["c", "d"]),
        st.lists(dimensions, min_size=1, max_size=3),
    ),
    max_size=4,
)


def unify(pairs: list[Any]) -> bool:
    known = Dimensions()
    results = [
        known.unify(
            Side(giver, TensorType("FP32", tuple(gives)), f"{giver} gives"),
            Side(taker, TensorType("FP32", tuple(takes)), f"{taker} takes"),
        )
        for giver, gives, taker, takes in pairs
    ]
    return all(result is None for result in results)


def some_sizes_work(pairs: list[Any]) -> bool:
    """Try every size of every named dimension; one that is none of the numbers stands for all others."""
    if any(len(gives) != len(takes) for _, gives, _, takes in pairs):
        return False
    equal = [((g, x), (t, y)) for g, gives, t, takes in pairs for x, y in zip(gives, takes, strict=True)]
    unknowns = sorted({side for pair in equal for side in pair if isinstance(side[1], str)})
    for sizes in product((1, 2, 3, 97), repeat=len(unknowns)):
        size = dict(zip(unknowns, sizes, strict=True))
        if all(size.get(left, left[1]) == size.get(right, right[1]) for left, right in equal):
            return True
    return False


@given(edges.filter(lambda pairs: len({(s, d) for g, x, t, y in pairs for s, ds in ((g, x), (t, y)) for d in ds}) < 9))
def test_shapes_fit_exactly_when_some_sizes_work(pairs: list[Any]) -> None:
    assert unify(pairs) is some_sizes_work(pairs)


@given(edges.flatmap(lambda pairs: st.tuples(st.just(pairs), st.permutations(pairs))))
def test_whether_shapes_fit_does_not_depend_on_which_is_looked_at_first(both: tuple[list[Any], list[Any]]) -> None:
    assert unify(both[0]) is unify(both[1])


@given(st.data())
def test_a_chain_of_real_sizes_fits_however_its_signatures_name_them(data: st.DataObject) -> None:
    sizes = st.integers(1, 3)
    shape = data.draw(st.lists(sizes, min_size=1, max_size=3))
    steps, runs = {}, {}
    for index in range(data.draw(st.integers(1, 4))):
        after = data.draw(st.lists(sizes, min_size=1, max_size=3))

        def named(actual: list[int]) -> tuple[int | str, ...]:
            """Each size as itself or as a name; within a step one name is one size."""
            return tuple(size if data.draw(st.booleans()) else "abc"[size - 1] for size in actual)

        name = f"s{index}"
        steps[name] = {"run": f"steps:{name}"}
        runs[f"s.{name}"] = PartialSignature(
            inputs={f"x{index}": TensorType("FP32", named(shape))},
            outputs={f"x{index + 1}": TensorType("FP32", named(after))},
            call="sync",
        )
        shape = after
    check(loaded({"s": {"steps": steps}}), Described(runs=runs))


def _open(known: dict[str, TensorType]) -> dict[str, TensorType | None]:
    return {**known}


signatures = st.dictionaries(
    st.sampled_from(["x", "y", "z", "a.b"]),
    st.builds(TensorType, st.sampled_from(["FP32", "BYTES"]), st.lists(dimensions, max_size=2).map(tuple)),
    max_size=3,
).map(_open)


@given(st.data())
def test_whatever_is_described_is_bound_or_complained_about(data: st.DataObject) -> None:
    steps = {name: {"run": f"steps:{name}"} for name in ("a", "b", "c")}
    service: dict[str, Any] = {"steps": steps}
    if data.draw(st.booleans()):
        references = st.sampled_from(["x", "a.x", "c.y", "b.a.b", "nowhere.x"])
        service["accepts"] = {"*/*": data.draw(references)}
        service["answers"] = {"application/json": data.draw(references), "text/plain": data.draw(references)}
    runs = {
        f"s.{name}": PartialSignature(
            inputs=data.draw(signatures),
            outputs=data.draw(st.none() | signatures),
            call=data.draw(st.sampled_from(["sync", "async", "stream"])),
            settings=data.draw(st.none() | st.dictionaries(st.sampled_from(["k"]), st.booleans())),
        )
        for name in data.draw(st.lists(st.sampled_from(["a", "b", "c"]), unique=True))
    }
    file, signed = loaded({"s": service}), Described(runs=runs)
    try:
        check(file, signed)
    except Invalid as invalid:
        complaints = invalid.complaints
    else:
        complaints = ()
    assert all(complaint.line for complaint in complaints)
    if complaints:
        return
    bound = chains(file.system, signed)["s"]
    for link in bound.steps:
        assert set(link.inputs) == set(link.signature.inputs)
    assert set(bound.answers.values()) <= set(bound.outputs)
    assert set(bound.accepts.values()) <= set(bound.inputs)
