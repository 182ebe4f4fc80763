"""What Envoy is told, as text that a person can review; each of it accepted by the real Envoy.

``tests/golden/gateway/NAME/`` holds the files that a wish becomes, less what is the same for every wish
(told once, in ``one-service``). After a change on purpose::

    GOLDEN=write python -m pytest tests/capabilities/gateway/test_golden.py
"""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from longspan.capabilities.gateway.adapters import find_envoy
from longspan.capabilities.gateway.decide import first_files
from longspan.system.records import Cors
from longspan.wire.orders import ServerWork
from tests.capabilities.gateway.works import VERSION, apart, endpoint, foreign, model, step, wanted, work

GOLDEN = Path(__file__).parents[2] / "golden" / "gateway"
CASES = {
    "nothing-yet": wanted(),
    "one-service": wanted(work("hello"), endpoints=(endpoint("hello", 0), endpoint("hello", 1))),
    "every-kind-of-step": wanted(
        work("charge", step("look"), step("charge", repeatable=False), body_bytes=1 << 20, seconds=5),
        work("chat", step("chat", call="stream"), seconds=90),
        model("tiny"),
        endpoints=(endpoint("charge"), endpoint("tiny", 1)),
    ),
    "a-step-apart": wanted(
        work("read", step("look")),
        apart("read.find"),
        apart("read.write", version="b2", repeatable=False, seconds=5),
        endpoints=(endpoint("read"), endpoint("read.find", 0, "a1"), endpoint("read.find", 1, "a2")),
    ),
    "pages-of-other-origins": wanted(
        work("hello"),
        endpoints=(endpoint("hello"),),
        cors=Cors(("https://app.example", "http://localhost:3000"), ("X-Team",)),
    ),
    "servers-of-somebody-else": wanted(
        work("read", step("look")),
        foreign("read.find", ServerWork(model="find", command=("./find",))),
        foreign("read.write", ServerWork(model="write", version="2", address="127.0.0.1:9000"), repeatable=True),
        endpoints=(
            endpoint("read"),
            endpoint("read.find", 0, "a1", path="/v2/models/find"),
            endpoint("read.find", 1, "a2", at="127.0.0.1:41001", path="/v2/models/found"),
            endpoint("read.write", 0, "a1", at="/run/other.sock", path="/v2/models/write/versions/2"),
            endpoint("read.write", 0, "b1", at="/run/other.sock", path="/v2/models/write/versions/3"),
        ),
    ),
}
EVERY_TIME = {"cds", "rds", "ecds"}
OF_STEPS_APART = {"egress"}
WITH_STEPS_APART = {"a-step-apart", "servers-of-somebody-else"}


def rendered(case: str) -> dict[str, str]:
    """Name of a file -> text of all that Envoy is started with for the wish `case`."""
    files = first_files(CASES[case], VERSION).write
    return {file.kind.replace("/", "-") or "bootstrap": file.text for file in files}


@pytest.mark.parametrize("case", CASES)
def test_a_wish_becomes_the_files_that_were_reviewed(case: str) -> None:
    every_time = EVERY_TIME | (OF_STEPS_APART if case in WITH_STEPS_APART else set())
    shown = {name for name in rendered(case) if case == "one-service" or name in every_time or name.startswith("eds-")}
    shown |= {"lds"} if case == "pages-of-other-origins" else set()
    files = {f"{name}.json": text for name, text in rendered(case).items() if name in shown}
    folder = GOLDEN / case
    if os.environ.get("GOLDEN") == "write":
        folder.mkdir(exist_ok=True)
        for old in folder.glob("*.json"):
            old.unlink()
        for name, text in files.items():
            (folder / name).write_text(text)
    assert files == {path.name: path.read_text() for path in folder.glob("*.json")}


@pytest.mark.parametrize("case", CASES)
def test_the_real_envoy_accepts_what_a_wish_becomes(case: str, tmp_path: Path) -> None:
    config = tmp_path / "whole.json"
    config.write_text(json.dumps(whole(rendered(case))))
    (tmp_path / "logs").mkdir()
    done = subprocess.run(
        [find_envoy(), "--mode", "validate", "--config-path", config],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "deprecated" not in done.stderr.lower()


def whole(files: dict[str, str]) -> dict[str, Any]:
    """One static configuration of what the watched files say, since `validate` does not read those."""
    kinds = {name: json.loads(text) for name, text in files.items()}
    bootstrap: dict[str, Any] = kinds.pop("bootstrap")
    listeners = kinds["lds"]["resources"]
    for listener, table in zip(listeners, ("rds", "egress"), strict=True):
        http = listener["filter_chains"][0]["filters"][0]["typed_config"]
        del http["rds"], listener["@type"]
        http["route_config"] = {key: value for key, value in kinds[table]["resources"][0].items() if key != "@type"}
        if table == "rds":
            del http["http_filters"][-2]["config_discovery"]
            http["http_filters"][-2]["typed_config"] = kinds["ecds"]["resources"][0]["typed_config"]
    clusters = kinds["cds"]["resources"]
    for cluster in clusters:
        if cluster["type"] == "EDS":
            endpoints = kinds[f"eds-{cluster['name']}"]["resources"][0]
            cluster |= {"type": "STATIC", "load_assignment": {k: v for k, v in endpoints.items() if k != "@type"}}
            del cluster["eds_cluster_config"]
        del cluster["@type"]
    del bootstrap["dynamic_resources"]
    return bootstrap | {"static_resources": {"listeners": listeners, "clusters": clusters}}
