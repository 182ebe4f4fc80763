"""Does examples/read-text read the same fused and with `recognise` apart, and refuse what it should, in both?"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

from benchmarks.pictures import Picture, draw, photographs, png, regions
from benchmarks.system import System, all_ready, copy_example
from longspan.base.errors import RequestError
from longspan.client.sync import Client

DRAWN = (
    draw("plain", 1, lines=2),
    draw("one narrow, one wide", 2, font="serif", size=30, lines=3),
    draw("on its side", 3, angle=90, lines=2),
)
PHOTOGRAPHS = [picture for picture in photographs() if picture.name == "no-parking-notice"]


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    folder = copy_example("read-text", tmp_path_factory.mktemp("read-text"))
    with System(folder) as system:
        system.change("longspan.yaml", "    limits:", "    settle: 200ms\n    limits:")
        system.change("longspan.yaml", "port: 8080", "port: 0")
        system.up()
        yield system


def read(system: System, content: bytes) -> dict[str, Any]:
    reply = Client(system.status().url, retry=None).send("read-text", content, media_type="image/png")
    found: dict[str, Any] = json.loads(reply.body)
    return found


def at_once(system: System, pictures: list[Picture]) -> list[str]:
    """The texts of all, asked for at the same time: regions of one may be recognised with those of another."""
    with ThreadPoolExecutor(len(pictures)) as pool:
        return list(pool.map(lambda picture: str(read(system, picture.content)["text"]), pictures))


def refused(system: System, content: bytes) -> RequestError:
    with pytest.raises(RequestError) as caught:
        read(system, content)
    return caught.value


def test_what_cannot_be_read_is_refused_in_words_and_by_its_own_fault(system: System) -> None:
    refusals(system)


def test_recognise_apart_reads_what_it_reads_fused(system: System) -> None:
    some: list[Picture] = [*DRAWN, *PHOTOGRAPHS]
    fused = [read(system, picture.content) for picture in some]
    for picture, found in zip(DRAWN, fused, strict=False):
        assert tuple(line["text"] for line in found["lines"]) == picture.lines
    assert at_once(system, some) == [found["text"] for found in fused]
    assert [unit.name for unit in system.status().units] == ["read-text"]

    system.change("longspan.yaml", "pad: {width: 32}", "pad: {width: 32}\n        apart: true")
    system.run("apply")
    status = system.until("apart", lambda status: len(status.units) == 2 and all_ready(status))
    assert {unit.name for unit in status.units} == {"read-text", "read-text.recognise"}

    assert [read(system, picture.content) for picture in some] == fused
    assert at_once(system, some) == [found["text"] for found in fused]
    assert not read(system, png(np.full((300, 400), 255, np.uint8)))["lines"]  # no row crosses, and that is an answer
    refusals(system)


def refusals(system: System) -> None:
    assert read(system, png(np.full((1, 1), 255, np.uint8))) == {"text": "", "lines": []}
    assert refused(system, b"no picture").status == 400
    bomb = refused(system, hundred_megapixels())
    assert bomb.status == 413
    assert "10000 x 10000 pixels" in bomb.problem
    many = refused(system, regions(2_000).content)
    assert many.status == 413
    assert "512" in many.problem
    assert "cut" in many.problem


def hundred_megapixels() -> bytes:
    """A whole and valid PNG of 10,000 x 10,000 pixels, all black, in about 100 kB."""
    small = png(np.zeros((1, 10_000), np.uint8))
    header = small[12:16] + (10_000).to_bytes(4) + (10_000).to_bytes(4) + small[24:29]
    pixels = zlib.compress(bytes(10_001 * 10_000), 9)
    return small[:8] + b"".join(_chunk(part) for part in (header, b"IDAT" + pixels, b"IEND"))


def _chunk(part: bytes) -> bytes:
    return (len(part) - 4).to_bytes(4) + part + zlib.crc32(part).to_bytes(4)
