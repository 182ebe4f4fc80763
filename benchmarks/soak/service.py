"""The system of the long run: a tiny model, in a unit of its own, between two Python steps; and one left alone.

The service `answer` waits four milliseconds in its last step, as one does for a database. So its capacity is given by
its replicas and not by the cores, and applies, which start processes, have room beside a load of 70%.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import tiny
from longspan.client.load import Request

SETTLE = "100ms"
READY_WITHIN = "20s"
STILL = "still"
"""The unit that nobody hurts."""
HURT = ("answer", "answer.classify")

FILE = f"""\
system: {{name: soak}}
models:
  tiny: {{path: tiny.onnx}}
services:
  answer:
    replicas: 2
    settle: {SETTLE}
    ready_within: {READY_WITHIN}
    steps:
      centre: {{run: "steps:centre", repeatable: true}}
      classify: {{model: tiny, scaling: {{min: 2, max: 2}}}}
      name: {{run: "steps:name", repeatable: true}}
  {STILL}:
    settle: {SETTLE}
    ready_within: {READY_WITHIN}
    steps:
      classify: {{model: tiny}}
gateway: {{port: 0}}
"""
STEPS = """\
from __future__ import annotations

import time
from typing import Annotated, TypedDict

import numpy as np
from numpy.typing import NDArray

from longspan import Shape

VERSION = {version}


class Centred(TypedDict):
    input: Annotated[NDArray[np.float32], Shape("batch", 16)]


class Named(TypedDict):
    best: Annotated[NDArray[np.int64], Shape("batch")]
    score: Annotated[NDArray[np.float32], Shape("batch")]
    version: Annotated[NDArray[np.int64], Shape(1)]


def centre(row: Annotated[NDArray[np.float32], Shape("batch", 16)]) -> Centred:
    return {{"input": row - np.float32(1)}}


def name(scores: Annotated[NDArray[np.float32], Shape("batch", 3)]) -> Named:
    time.sleep(0.004)
    return {{
        "best": scores.argmax(axis=1).astype(np.int64),
        "score": scores.max(axis=1),
        "version": np.array([VERSION], np.int64),
    }}
"""

_ROWS = tuple(tuple(float(x) for x in np.roll(tiny.ROW, n)) for n in range(16))
_EXPECTED = [tiny.expected(row) for row in _ROWS]
_STILL_EVERY = 4


def write(folder: Path) -> None:
    """All files, with the first version of the steps."""
    tiny.write(folder / "tiny.onnx")
    (folder / "longspan.yaml").write_text(FILE)
    write_steps(folder, 1)


def write_steps(folder: Path, version: int) -> None:
    """The step code of that version, which it names in each answer."""
    (folder / "steps.py").write_text(STEPS.format(version=version))


def requests() -> tuple[Request, ...]:
    """Sixteen rows for the service, and every fourth request for the one left alone."""
    found = []
    for number, row in enumerate(_ROWS):
        moved = tuple(x + 1 for x in row)
        body = tiny.infer_body(moved).replace(b'"input"', b'"row"')
        found.append(Request(path="/v2/models/answer/infer", body=body, key=str(number)))
        if number % _STILL_EVERY == 0:
            body = tiny.infer_body(row)
            found.append(Request(path=f"/v2/models/{STILL}/infer", body=body, key=f"{STILL} {number}"))
    return tuple(found)


def read(key: str, answer: Any) -> tuple[str, int | None]:
    """What is wrong with an answer, and the version of the steps that gave it; None when none has."""
    outputs = {output["name"]: output["data"] for output in answer["outputs"]}
    expected = _EXPECTED[int(key.rpartition(" ")[2])]
    if key.startswith(STILL):
        right = all(abs(x - y) < 1e-4 for x, y in zip(outputs["scores"], expected, strict=True))
        return "" if right else "another row's scores", None
    best, score = outputs["best"][0], outputs["score"][0]
    right = best == int(np.argmax(expected)) and abs(score - max(expected)) < 1e-4
    return "" if right else "another row's scores", outputs["version"][0]
