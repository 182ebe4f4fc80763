"""The file of ids: what a dead process leaves is found again, and no bytes of anybody make it lie."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from longspan.wire import ids
from longspan.wire.ids.layout import ENTRY, KEY_BYTES, UNIT, Parts, encode_names

NAMES: ids.Names = (("best", "shift"), ("best", "name"), ("tiny", "tiny"))
NOW = 1_700_000_000_000_000_000

request_ids = st.one_of(st.binary(max_size=KEY_BYTES + 2), st.binary(min_size=1, max_size=300), st.just(b"\0" * 3))


def page_of(old: bytes | bytearray | None = None, names: ids.Names = NAMES, life: int = 1, now: int = NOW) -> bytearray:
    return bytearray(ids.succeed(None if old is None else ids.parse(bytes(old)), names, life=life, pid=7, now=now)[0])


def at(entry: int, names: ids.Names = NAMES) -> int:
    return Parts.of(len(encode_names(names)), len(names), ids.LIVE).entries + UNIT * entry


def note(page: bytearray, request_id: bytes, step: int = 0, entry: int = 1, head: int | None = None) -> None:
    ids.write(memoryview(page), at(entry), request_id, step, entry if head is None else head)


def found(page: bytes | bytearray, request_id: bytes, *, dead: bool) -> list[ids.Death]:
    parsed = ids.parse(bytes(page))
    assert parsed is not None
    return ids.deaths(parsed, request_id, dead=dead)


def test_whoever_was_under_way_when_the_process_died_is_found_with_its_step() -> None:
    page = page_of(life=5)
    note(page, b"abc", step=1)
    assert found(page, b"abc", dead=True) == [ids.Death(5, 0, "best", "name")]
    assert found(page, b"abc", dead=False) == []
    assert found(page, b"abd", dead=True) == []


def test_whoever_has_run_is_not_blamed() -> None:
    page = page_of()
    note(page, b"abc")
    ids.free(memoryview(page), at(1))
    assert found(page, b"abc", dead=True) == []


def test_a_group_goes_on_to_its_next_step_by_one_store() -> None:
    page = page_of()
    for entry in (3, 4, 5):
        note(page, b"id %d" % entry, step=ids.NOWHERE, entry=entry, head=3)
    memoryview(page).cast("H")[ids.place_of_step(at(3))] = 1
    assert {found(page, b"id %d" % entry, dead=True)[0].step for entry in (3, 4, 5)} == {"name"}


def test_the_next_process_writes_the_death_down_once_and_finds_it_again_after_the_next() -> None:
    first = page_of(life=10)
    note(first, b"abc")
    second = page_of(first, life=20)
    assert found(second, b"abc", dead=True) == [ids.Death(10, NOW, "best", "shift")]
    note(second, b"abc", step=1)
    third = page_of(second, life=30, now=NOW + 5)
    assert found(third, b"abc", dead=True) == [
        ids.Death(10, NOW, "best", "shift"),
        ids.Death(20, NOW + 5, "best", "name"),
    ]


def test_a_request_that_was_under_way_for_several_counts_once_at_a_death() -> None:
    page = page_of()
    for entry in (1, 2, 3):
        note(page, b"same", entry=entry)
    assert len(found(page, b"same", dead=True)) == 1
    assert len(found(page_of(page), b"same", dead=True)) == 1


def test_a_clock_that_was_set_back_makes_no_two_lives_one() -> None:
    first = page_of(life=100)
    note(first, b"abc")
    second = page_of(first, life=50)
    note(second, b"abc")
    assert len(found(second, b"abc", dead=True)) == 2


def test_deaths_are_counted_by_step_and_follow_it_into_another_generation() -> None:
    page = page_of()
    note(page, b"abc", step=2, entry=1)
    note(page, b"def", step=0, entry=2)
    page = page_of(page)
    other = (("tiny", "tiny"), ("best", "last"))
    note(page, b"abc", step=2)
    bytes_, left = ids.succeed(ids.parse(bytes(page)), other, life=9, pid=7, now=NOW)
    parsed = ids.parse(bytes_)
    assert parsed is not None
    assert parsed.deaths == (2, 0)
    assert left == ids.Left(1, (("tiny", "tiny"),))
    assert [death.step for death in found(bytes_, b"abc", dead=True)] == ["tiny", "tiny"]
    assert [death.step for death in found(bytes_, b"def", dead=True)] == [""]  # a step that is no more


def test_of_too_many_obituaries_the_oldest_go() -> None:
    page: bytearray | None = None
    for life in range(ids.RING // ids.LIVE + 2):
        page = page_of(page, life=life)
        for entry in range(ids.LIVE):
            note(page, b"%d of %d" % (entry, life), entry=entry)
    assert page is not None
    assert len(page) == len(page_of()) + UNIT * ids.RING
    assert found(page, b"0 of 0", dead=True) == []
    assert len(found(page, b"0 of %d" % life, dead=True)) == 1
    assert len(found(page, b"0 of %d" % (life - 1), dead=True)) == 1


@given(st.lists(request_ids, min_size=1, max_size=8, unique=True), request_ids)
def test_ids_of_any_bytes_and_length_are_told_apart(noted: list[bytes], other: bytes) -> None:
    page = page_of()
    for entry, request_id in enumerate(noted):
        note(page, request_id, entry=entry)
    for bytes_ in (bytes(page), bytes(page_of(page))):
        for request_id in (*noted, other):
            assert len(found(bytes_, request_id, dead=True)) == (request_id in noted)
            assert ids.may_know(bytes_, request_id) or request_id not in noted


@given(st.binary(min_size=KEY_BYTES + 1, max_size=200))
def test_the_digest_of_a_long_id_is_no_id_that_can_be_sent(long: bytes) -> None:
    page = page_of()
    note(page, long)
    assert found(page, ids.key(long)[0], dead=True) == []
    assert len(found(page, long, dead=True)) == 1


@given(request_ids, request_ids, st.integers(0, UNIT))
def test_an_entry_half_written_is_nobody_s_but_the_last_or_the_next_one_s(old: bytes, new: bytes, cut: int) -> None:
    page = page_of()
    note(page, old)
    ids.free(memoryview(page), at(1))
    written = page_of()
    note(written, new)
    page[at(1) : at(1) + cut] = written[at(1) : at(1) + cut]  # the process was killed in the middle of it
    whole = cut > KEY_BYTES + 4
    assert len(found(page, new, dead=True)) == whole
    assert len(found(page, old, dead=True)) == (whole and old == new)


@settings(max_examples=200)
@given(st.data())
def test_whatever_bytes_a_page_is_made_of_reading_gives_a_page_or_none(data: st.DataObject) -> None:
    good = page_of()
    note(good, b"abc")
    good = page_of(good)
    note(good, b"def")
    length = data.draw(st.integers(0, len(good)))
    torn = bytearray(good[:length])
    for place, value in data.draw(st.lists(st.tuples(st.integers(0, 400), st.integers(0, 255)), max_size=8)):
        if place < length:
            torn[place] = value
    parsed = ids.parse(bytes(torn))
    if parsed is not None:
        assert all(isinstance(death.step, str) for death in ids.deaths(parsed, b"abc", dead=True))
        again: Any = ids.parse(ids.succeed(parsed, NAMES, life=1, pid=1, now=NOW)[0])
        assert again.life > parsed.life


@given(st.binary(max_size=300))
def test_foreign_bytes_are_no_page(page: bytes) -> None:
    assert ids.parse(page) is None


def test_an_entry_is_as_long_as_it_is_said_to_be() -> None:
    assert ENTRY.itemsize == UNIT
