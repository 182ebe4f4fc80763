"""The load page of a worker: plain integers in a file that control reads while the worker counts.

::

    page = LoadPage.create("run/hello/0.load", ["hello", "tiny"], [("hello", "prepare"), ("hello", "tiny")])
    slots, at = page.slots, page.endpoint("hello")
    slots[at + STATUS_SLOT.get(status, OTHER_STATUS)] += 1
    slots[at + DURATION + bucket(nanoseconds)] += 1
    slots[at + DURATION_SUM] += nanoseconds

A worker counts in attributes and writes all slots at once, four times a second while there are requests. Nobody is
asked and nothing is locked, so a reader may see one counter a moment older than another, never half a number (an
aligned 64-bit integer is written at once on x86_64 and aarch64).

Layout, all in native 64-bit integers: magic, length of the names, the names as JSON padded to 8 bytes, the process's
counters, then those of each endpoint, then those of each step. The magic is written last: a page half made has none.
"""

from __future__ import annotations

from longspan.wire.load.layout import BOUNDS_NANOSECONDS, BOUNDS_SECONDS, STATUSES, bucket, bucket_labels
from longspan.wire.load.reading import EndpointLoad, Load, StepLoad, parse, read
from longspan.wire.load.writing import LoadPage

__all__ = [
    "BOUNDS_NANOSECONDS", "BOUNDS_SECONDS", "STATUSES", "EndpointLoad", "Load", "LoadPage", "StepLoad", "bucket",
    "bucket_labels", "parse", "read",
]  # fmt: skip
