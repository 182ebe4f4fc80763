"""Does what the fuzzers once reached still lead to nothing? Their inputs, replayed without a fuzzer."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest

from tests.fuzz.corpus import CORPUS, MOST_KEPT_BYTES
from tests.fuzz.seeds import seeds
from tests.fuzz.targets import TARGETS


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """What a worker logs of odd requests is not asked for here."""
    logging.disable()
    yield
    logging.disable(logging.NOTSET)


@pytest.mark.parametrize("target", TARGETS)
def test_what_a_target_starts_from_leads_to_nothing(target: str) -> None:
    made = seeds(target)
    assert len(made) == len(set(made)) > 2
    for seed in made:
        TARGETS[target].run(seed)


@pytest.mark.parametrize("target", TARGETS)
def test_what_is_kept_of_a_target_is_little_and_leads_to_nothing(target: str) -> None:
    inputs = [path.read_bytes() for path in sorted((CORPUS / target).iterdir())]
    assert inputs, "scripts/fuzz TARGET --fold keeps what was reached"
    assert sum(map(len, inputs)) <= MOST_KEPT_BYTES
    for data in inputs:
        TARGETS[target].run(data)


def test_no_corpus_is_left_of_a_target_that_is_gone() -> None:
    assert {path.name for path in CORPUS.iterdir()} == set(TARGETS)
