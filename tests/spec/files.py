"""Valid files of every kind, for properties: as values, and written as YAML in different ways."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import strategies as st

labels = st.from_regex(r"[a-z0-9](?:[a-z0-9-]{0,8}[a-z0-9])?", fullmatch=True)
tensor_names = st.from_regex(r"[A-Za-z_][A-Za-z0-9_.:/-]{0,8}", fullmatch=True)
versions = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,6}", fullmatch=True)
dimensions = st.one_of(st.integers(0, 4096).map(str), st.sampled_from(["batch", "n", "rows", "width"]))
tensors = st.builds(
    lambda word, shape: f"{word}[{', '.join(shape)}]",
    st.sampled_from(["FP32", "INT64", "BOOL", "BYTES", "TEXT", "JSON"]),
    st.lists(dimensions, max_size=3),
)
durations = st.sampled_from(["100ms", "1.5s", "10s", "5m", "1h"])
settings_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(1 << 63), (1 << 63) - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=8).filter(lambda text: "${env:" not in text)
    | st.sampled_from(["${env:TOKEN}", "${env:OTHER}"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(labels, inner, max_size=3),
    max_leaves=6,
)


def optional(**values: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({}, optional=values)


models = optional(
    threads=st.integers(1, 256),
    version=versions,
    digest=st.text("0123456789abcdef", min_size=64, max_size=64).map(lambda digits: f"sha256:{digits}"),
).flatmap(
    lambda rest: st.one_of(
        st.just({"path": "models/tiny.onnx", **rest}),
        st.just({"path": "package:magika/models/model.onnx", "package_version": "1.0.3", **rest}),
    )
)
types = st.dictionaries(tensor_names, tensors, min_size=1, max_size=3)
references = st.one_of(tensor_names, st.builds(lambda step, name: f"{step}.{name}", labels, tensor_names))
resources = optional(
    cpu=st.floats(0.1, 256, allow_nan=False) | st.integers(1, 256), memory=st.sampled_from(["16MiB", "1.5GiB", "1TiB"])
)
scaling = st.fixed_dictionaries(
    {"max": st.integers(4, 64)}, optional={"min": st.integers(1, 4), "cpu": st.just("75%"), "calm": st.just("2m")}
)
graph_keys: dict[str, st.SearchStrategy[Any]] = {
    "from": references | st.dictionaries(tensor_names, references, min_size=1, max_size=3),
    "pad": st.dictionaries(st.sampled_from(["width", "height"]), st.integers(1, 65_536), min_size=1),
    "when": references | references.map(lambda reference: f"not {reference}"),
    "apart": st.booleans(),
    "resources": resources,
    "scaling": scaling,
}
run_keys: dict[str, st.SearchStrategy[Any]] = {
    "with": st.dictionaries(labels, settings_values, max_size=3),
    "repeatable": st.booleans(),
    "inputs": types,
    "outputs": types,
}
server_types = st.dictionaries(
    tensor_names, tensors.filter(lambda kind: not kind.startswith("FP16")), min_size=1, max_size=3
)
started = st.sampled_from(
    [
        {"command": ["node", "upper.js"]},
        {"command": ["./server", "--at", "{socket}"], "url": "unix:{socket}"},
        {"command": ["./server", "--port={port}", "{}"], "url": "http://127.0.0.1:{port}"},
    ]
)
there = st.sampled_from(["http://127.0.0.1:1", "http://localhost:65535/", "unix:/run/other.sock"]).map(
    lambda url: {"url": url}
)
"""A server that is there already."""


def server_steps() -> st.SearchStrategy[dict[str, Any]]:
    """A step that runs in a server of somebody else's."""
    around = {key: strategy for key, strategy in graph_keys.items() if key not in ("scaling", "resources")}
    common = st.fixed_dictionaries(
        {"inputs": server_types, "outputs": server_types},
        optional={
            "serves": st.sampled_from(["upper", "Upper_2.x/versions/3"]),
            "binary": st.booleans(),
            "repeatable": st.booleans(),
            **around,
        },
    )
    of_ours = optional(resources=resources, replicas=st.integers(1, 64))
    ours = st.builds(lambda where, granted: {**where, **granted}, started, of_ours)
    return st.builds(lambda where, rest: {**where, **rest}, st.one_of(ours, there), common)


def steps(models: list[str]) -> st.SearchStrategy[dict[str, Any]]:
    """A callable, a model, or the one behind the other; or a server."""
    graph = optional(**graph_keys)
    run = st.builds(lambda own, around: {"run": "steps:Step", **own, **around}, optional(**run_keys), graph)
    if not models:
        return st.one_of(run, server_steps())
    model = st.builds(lambda name, around: {"model": name, **around}, st.sampled_from(models), graph)
    both = st.builds(lambda first, then: {**first, **then}, model, run)
    return st.one_of(run, model, both, server_steps())


@st.composite
def systems(draw: st.DrawFn) -> dict[str, Any]:
    """A file that loads, as a value. Whether its steps would fit is another question."""
    names = draw(st.lists(labels, min_size=2, max_size=4, unique=True))
    cut = draw(st.integers(0, len(names) - 1))
    models_by_name = {name: draw(models) for name in names[:cut]}
    of_services = steps(names[:cut])
    services = {}
    for name in names[cut:]:
        service = draw(
            optional(
                version=versions,
                replicas=st.integers(1, 64),
                ready_within=durations,
                settle=st.just("0s") | durations,
                limits=optional(
                    body=st.sampled_from(["1KiB", "0.5MiB", "1GiB"]),
                    queue=st.integers(1, 65536),
                    time=durations,
                    fan_out=st.integers(1, 65536),
                ),
                inputs=types,
                resources=resources,
            )
        )
        if "replicas" not in service:
            service |= draw(optional(scaling=scaling))
        if draw(st.booleans()):
            service["accepts"] = {"*/*": "prepare.content"}
            service["answers"] = {"text/plain": "name.text", "application/json": "name.result"}
        service["steps"] = draw(st.dictionaries(labels, of_services, min_size=1, max_size=2))
        services[name] = service
    system = {"name": draw(labels), **draw(optional(code_limit=st.sampled_from(["1MiB", "2GiB"])))}
    whole = {"system": system, "models": models_by_name, "services": services}
    return {**whole, **draw(optional(gateway=optional(port=st.integers(2, 65534))))}


def as_flow(value: Any) -> str:
    """YAML in which everything stands in braces and all text in quotes (JSON is YAML)."""
    return json.dumps(value, ensure_ascii=False)


def as_block(value: Any, depth: int = 0) -> str:
    """YAML as people write it: one key a line, with remarks."""
    if not isinstance(value, dict) or not value:
        return f" {as_flow(value)}\n"
    pad = "  " * depth
    return "\n" + "".join(
        f"{pad}# about {depth}\n{pad}{as_flow(key)}:{as_block(child, depth + 1)}" for key, child in value.items()
    )
