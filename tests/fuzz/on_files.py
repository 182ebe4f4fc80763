"""Files that one process writes for another: load pages, a worker's orders.

Held: a value, nothing, or the one error that is promised; a value that is written again reads the same.
"""

from __future__ import annotations

import msgspec

from longspan.base.errors import LongspanError
from longspan.wire.load import parse
from longspan.wire.load.layout import MAGIC
from longspan.wire.orders import decode_orders
from tests.fuzz.given import expanded, sound, steered

_PER_BYTE = 64


def run_page(data: bytes) -> None:
    """Raises when something that is held above does not."""
    steering, raw = steered(data)
    names, _, counters = expanded(raw).partition(b"\x1e")
    if steering:
        # A page whose head is in order, so that what is behind it is reached.
        names += b" " * (-len(names) % 8)
        page = MAGIC + len(names).to_bytes(8, "little") + names + counters * (1 + steering[0])
    else:
        page = raw
    try:
        load = parse(page, at="page")
    except LongspanError as error:
        sound(str(error), page)
        return
    if load is None:
        return
    assert len(load.endpoints) + len(load.steps) <= len(page)
    assert all(count > 0 for endpoint in load.endpoints for count in endpoint.requests.values())
    for endpoint in load.endpoints:
        assert sum(endpoint.duration_buckets) == endpoint.duration_count
    assert parse(page + bytes(8)) == load, "what is behind a page changes it"


def run_orders(data: bytes) -> None:
    """Raises when something that is held above does not."""
    raw = expanded(data)
    try:
        orders = decode_orders(raw)
    except msgspec.DecodeError as error:
        sound(str(error), raw)
        return
    text = msgspec.json.encode(orders)
    again = decode_orders(text)
    assert again == orders
    assert msgspec.json.encode(again) == text
    assert again.work.digest() == orders.work.digest()
    assert len(text) <= _PER_BYTE * (len(raw) + 100)
