"""The two services that journeys hurt: a tiny model with one Python step, and file-type on 2 MB bodies.

Both tell in each answer which version of the step gave it, so that a wrong generation's answer is found.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from magika import Magika

from benchmarks import tiny
from benchmarks.files import real_files
from benchmarks.judge import Judge
from benchmarks.system import System, copy_example
from longspan.client.load import Plan, Request

BIG = 2_000_000
SETTLE = "1s"
READY_WITHIN = "4s"

NEVER_READY = "import time\nwhile True:\n    time.sleep(1)"
DIES_ONCE_READY = """\
import json, os, socket, sys, threading, time

def die() -> None:
    path = json.load(open(sys.argv[2]))["socket"]
    answer = b""
    while f'"pid":{os.getpid()}'.encode() not in answer:
        time.sleep(0.02)
        with socket.socket(socket.AF_UNIX) as asking:
            try:
                asking.connect(path)
                asking.sendall(b"GET /-/replica HTTP/1.1\\r\\nhost: x\\r\\n\\r\\n")
                answer = asking.recv(65536)
            except OSError:
                pass
    time.sleep(0.3)
    os._exit(3)

threading.Thread(target=die, daemon=True).start()
"""
"""Waits until its own process answers on its socket, which a worker does only when it is ready."""
DIES_OF_A_REQUEST = "import os\nos._exit(4)"


class Service(ABC):
    """A system under test: its folder, what is asked of it, and the versions of its step."""

    unit: str
    """Whose replicas are hurt."""
    rate_per_second: float

    def __init__(self, folder: Path, replicas: int) -> None:
        self.replicas = replicas
        self.version = 1
        """The version of the step that serves."""
        self.system = System(self.make(folder))
        self.write(1)
        self.judge = Judge(self.read, 1)

    @abstractmethod
    def make(self, folder: Path) -> Path:
        """Write the system's files into a folder and return it."""

    @abstractmethod
    def write(self, version: int, at_start: str = "", at_call: str = "") -> None:
        """Write the step with this version; the code `at_start` runs when a worker loads it, `at_call` in each call."""

    @abstractmethod
    def requests(self) -> Sequence[Request]:
        """What is asked, in turn."""

    @abstractmethod
    def read(self, key: str, answer: Any) -> tuple[str, int]:
        """What is wrong with an answer, and whose it is."""

    def plan(self, seconds: float = 300.0) -> Plan:
        """The load that the issue names for it. No request may fail, so none may wait for ever either."""
        return Plan(
            address=self.system.address,
            requests=tuple(self.requests()),
            rate_per_second=self.rate_per_second,
            seconds=seconds,
            check=self.judge,
        )


class Tiny(Service):
    """300 requests/s of one row, each row another, by the Open Inference Protocol."""

    unit = "best"
    rate_per_second = 300.0

    ROWS = tuple(tuple(float(x) for x in np.roll(tiny.ROW, n)) for n in range(16))
    FILE = """\
system: {{name: tiny}}
models:
  tiny: {{path: tiny.onnx}}
services:
  best:
    replicas: {replicas}
    settle: {settle}
    ready_within: {ready_within}
    steps:
      classify: {{model: tiny}}
      name: {{run: "steps:Name", repeatable: true}}
gateway: {{port: 0}}
"""
    STEPS = '''\
from __future__ import annotations

from typing import Annotated, TypedDict

import numpy as np
from numpy.typing import NDArray

from longspan import Shape


class Named(TypedDict):
    best: Annotated[NDArray[np.int64], Shape("batch")]
    score: Annotated[NDArray[np.float32], Shape("batch")]
    version: Annotated[NDArray[np.int64], Shape("batch")]


class Name:
    """Which class has the highest score?"""

    def __init__(self) -> None:
{at_start}

    def __call__(self, scores: Annotated[NDArray[np.float32], Shape("batch", 3)]) -> Named:
{at_call}
        return {{
            "best": scores.argmax(axis=1).astype(np.int64),
            "score": scores.max(axis=1),
            "version": np.full(len(scores), {version}, np.int64),
        }}
'''

    def make(self, folder: Path) -> Path:
        tiny.write(folder / "tiny.onnx")
        file = self.FILE.format(replicas=self.replicas, settle=SETTLE, ready_within=READY_WITHIN)
        (folder / "longspan.yaml").write_text(file)
        return folder

    def write(self, version: int, at_start: str = "", at_call: str = "") -> None:
        start, call = (_indented(code or "pass", 8) for code in (at_start, at_call))
        (self.system.folder / "steps.py").write_text(self.STEPS.format(version=version, at_start=start, at_call=call))

    def requests(self) -> Sequence[Request]:
        bodies = enumerate(tiny.infer_body(row) for row in self.ROWS)
        return [Request(path="/v2/models/best/infer", body=body, key=str(number)) for number, body in bodies]

    def read(self, key: str, answer: Any) -> tuple[str, int]:
        outputs = {output["name"]: output["data"][0] for output in answer["outputs"]}
        scores = _EXPECTED[int(key)]
        right = outputs["best"] == int(np.argmax(scores)) and abs(outputs["score"] - max(scores)) < 1e-4
        return "" if right else "another row's scores", outputs["version"]


class FileType(Service):
    """20 requests/s of 2 MB natural content: real files of the machine, repeated until they are that long."""

    unit = "file-type"
    rate_per_second = 20.0

    def make(self, folder: Path) -> Path:
        example = copy_example("file-type", folder)
        system = System(example)
        settings = f"replicas: {self.replicas}\n    settle: {SETTLE}\n    ready_within: {READY_WITHIN}"
        system.change("longspan.yaml", "replicas: 2", settings)
        system.change("longspan.yaml", "port: 8080", "port: 0")
        self._steps = (example / "steps.py").read_text()
        self._bodies = {str(number): body for number, body in enumerate(big_bodies(6))}
        oracle = Magika()
        self._labels = {key: str(oracle.identify_bytes(body).output.label) for key, body in self._bodies.items()}
        return example

    def write(self, version: int, at_start: str = "", at_call: str = "") -> None:
        text = self._steps.replace('return {"label": label,', f'return {{"version": {version}, "label": label,')
        text = text.replace("    if shortcut:\n", _indented(at_call or "pass", 4) + "\n    if shortcut:\n")
        # Where the workers load it, and not where `describe` only reads its annotations.
        hook = 'import sys\nif "describe" not in sys.argv:\n' + _indented(at_start or "pass", 4)
        (self.system.folder / "steps.py").write_text(text + "\n\n" + hook + "\n")

    def requests(self) -> Sequence[Request]:
        return [
            Request(path="/v1/services/file-type", body=body, content_type="application/octet-stream", key=key)
            for key, body in self._bodies.items()
        ]

    def read(self, key: str, answer: Any) -> tuple[str, int]:
        return "" if answer["label"] == self._labels[key] else "another file's type", answer["version"]


def big_bodies(count: int) -> list[bytes]:
    """Contents of real files of different kinds, each repeated to `BIG` bytes."""
    contents = [path.read_bytes() for path in real_files(count, each=1)]
    return [(content * (BIG // len(content) + 1))[:BIG] for content in contents]


def _indented(code: str, spaces: int) -> str:
    return "\n".join(" " * spaces + line for line in code.splitlines())


_EXPECTED = [tiny.expected(row) for row in Tiny.ROWS]
