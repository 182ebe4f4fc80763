"""Does whatever a server sends end as its answer or as one error, held within bounds?"""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from longspan.wire.answers import MOST_HEAD_BYTES, READ_BYTES, AnswerReader, BadAnswer, TooLarge

MOST = 100_000


def feed(reader: AnswerReader, data: bytes, piece: int = 1 << 20) -> bytes:
    """Bring `data` in pieces until the answer is whole; give what is left of it."""
    while data and not reader.whole:
        room = reader.room()
        part = data[: min(piece, len(room))]
        room[: len(part)] = part
        reader.came(len(part))
        data = data[len(part) :]
    return data


def read(data: bytes, piece: int = 1 << 20) -> tuple[AnswerReader, bytes]:
    """A reader that was given `data`, and the body."""
    reader = AnswerReader(MOST)
    reader.expect()
    feed(reader, data, piece)
    return reader, bytes(reader.take())


def counted(body: bytes) -> bytes:
    return b"HTTP/1.1 200 OK\r\nX-A: b\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body)


def chunked(body: bytes, size: int) -> bytes:
    chunks = (body[at : at + size] for at in range(0, len(body), size))
    framed = b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks)
    return b"HTTP/1.1 200 OK\r\nX-A: b\r\ntransfer-encoding: chunked\r\n\r\n" + framed + b"0\r\n\r\n"


@given(length=st.integers(0, MOST), piece=st.integers(200, 40_000), size=st.integers(1, 70_000))
@example(length=READ_BYTES + 1, piece=READ_BYTES, size=1)
@example(length=MOST, piece=1 << 20, size=1)
def test_an_answer_is_the_same_however_its_bytes_are_cut(length: int, piece: int, size: int) -> None:
    body = bytes(range(256)) * (length // 256) + bytes(length % 256)
    for data in (counted(body), chunked(body, size)):
        reader, came = read(data, piece)
        assert (reader.status, reader.fields[b"x-a"], reader.whole, reader.keep) == (200, b"b", True, True)
        assert came == body


def test_answers_follow_one_another_whatever_their_size() -> None:
    reader = AnswerReader(MOST)
    for length in (3, 60_000, 0, 60_000, 1):
        reader.expect()
        feed(reader, counted(b"x" * length))
        assert (reader.whole, len(reader.take()), len(reader.take())) == (True, length, 0)


def test_a_body_that_is_not_collected_is_taken_as_it_comes_and_may_be_of_any_length() -> None:
    reader = AnswerReader(10)
    reader.expect(collect=False)
    data, taken = chunked(b"abc" * 1000, 7), b""
    while not reader.whole:
        feed(reader, data[:50])
        data = data[50:]
        taken += reader.take()
    assert taken == b"abc" * 1000


def test_interim_answers_are_passed_over() -> None:
    reader, body = read(b"HTTP/1.1 100 Continue\r\nx-a: early\r\n\r\n" * 3 + counted(b"late"), piece=5)
    assert (reader.status, reader.fields[b"x-a"], body) == (200, b"b", b"late")


def test_what_follows_an_answer_unasked_costs_the_connection_and_not_the_answer() -> None:
    reader, body = read(counted(b"mine") + counted(b"another's"))
    assert (reader.whole, body, reader.keep) == (True, b"mine", False)


@pytest.mark.parametrize(
    "data",
    [
        b"SSH-2.0-OpenSSH_9.6\r\n",
        b"\x16\x03\x01\x02\x00\x01",
        b"HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 99999999999999999999999\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\ncontent-length: 4\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\ntransfer-encoding: chunked\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nxyz\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nx: " + b"y" * 2 * MOST_HEAD_BYTES,
        b"HTTP/1.1 103 Early Hints\r\n\r\n" * MOST_HEAD_BYTES,
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\n" + b"x: y\r\n" * MOST_HEAD_BYTES,
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1;" + b"x" * 2 * MOST_HEAD_BYTES,
    ],
    ids=lambda data: repr(data[:60]),
)
def test_what_is_no_answer_is_one_error(data: bytes) -> None:
    with pytest.raises(BadAnswer):
        read(data)


@pytest.mark.parametrize("data", [counted(bytes(MOST + 1)), chunked(bytes(MOST + 1), 999)], ids=["counted", "chunked"])
def test_more_than_is_taken_is_told_apart(data: bytes) -> None:
    with pytest.raises(TooLarge, match="larger than 100000 bytes"):
        read(data)


@given(data=st.binary(max_size=300), where=st.integers(0, 120), piece=st.integers(1, 100))
def test_no_bytes_raise_anything_else(data: bytes, where: int, piece: int) -> None:
    good = chunked(b"some body", 4)
    try:
        reader, _ = read(good[:where] + data + good[where:], piece)
    except BadAnswer:
        return
    assert reader.started
