"""Orders: what is written is read back, and whatever else the file holds is one error."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from longspan.wire.orders import Orders, decode_orders
from tests.fuzz.seeds import seeds

WRITTEN = seeds("orders")[0]


def read(text: bytes) -> Orders | None:
    try:
        return decode_orders(text)
    except msgspec.DecodeError:
        return None


def test_what_is_written_is_read_back_with_the_same_digest() -> None:
    orders = decode_orders(WRITTEN)
    assert msgspec.json.encode(orders) == WRITTEN
    assert orders.work.digest() == orders.digest


@pytest.mark.parametrize("text", [b"", b"null", b'{"replica":"\xff"}', b'{"more":' + b"[" * 100_000, WRITTEN[:-1]])
def test_what_is_no_orders_is_one_error(text: bytes) -> None:
    with pytest.raises(msgspec.DecodeError):
        decode_orders(text)


@given(st.integers(0, len(WRITTEN)), st.integers(0, 40), st.binary(max_size=12))
def test_orders_that_were_altered_anywhere_are_orders_or_none(at: int, left_out: int, put_in: bytes) -> None:
    orders = read(WRITTEN[:at] + put_in + WRITTEN[at + left_out :])
    assert orders is None or read(msgspec.json.encode(orders)) == orders
