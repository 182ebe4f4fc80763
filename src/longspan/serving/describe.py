"""What do the models and steps take and give? ``python -m longspan.serving describe ORDERS``.

A child of control, or of ``longspan check``: it imports the user's modules, which may do anything, so its parent
bounds its time and it bounds its own memory. No step function runs and no model infers. On standard output stands one
JSON document, `wire.orders.Described`, and nothing else: what modules print goes to standard error.
"""

from __future__ import annotations

import os
import resource
import sys
from collections.abc import Callable
from typing import TypeVar

import msgspec

from longspan.base.errors import LongspanError
from longspan.serving.runtimes import onnx, python
from longspan.wire.orders import Described, DescribeOrders

MEMORY_BYTES = 8 << 30
"""Writable memory that reading signatures may take. Far above any honest import, far below a machine's end."""

T = TypeVar("T")


def main(orders_path: str) -> int:
    """Read `DescribeOrders` from a JSON file and print `Described`. 0; 2 when the orders cannot be read."""
    document = _own_stdout()
    try:
        with open(orders_path, "rb") as file:
            orders = msgspec.json.decode(file.read(), type=DescribeOrders)
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError) as error:
        print(f"{orders_path}: cannot be read: {error}", file=sys.stderr)  # noqa: T201 - a child's last word
        return 2
    _bound_memory()
    described = describe(orders)
    with os.fdopen(document, "wb") as out:
        out.write(msgspec.json.encode(described))
    return 0


def describe(orders: DescribeOrders) -> Described:
    """Each model and each run, or what is wrong with it. Puts the code's folder first on the import path."""
    sys.dont_write_bytecode = True  # the folder is the user's
    if orders.code_path:
        sys.path.insert(0, os.path.abspath(orders.code_path))
    errors: dict[str, str] = {}
    models = _each("model", orders.models, onnx.describe, errors, orders.progress)
    runs = _each("run", orders.runs, python.describe, errors, orders.progress)
    return Described(models=models, runs=runs, errors=errors)


def _each(
    kind: str, wanted: dict[str, str], read: Callable[[str], T], errors: dict[str, str], progress: str
) -> dict[str, T]:
    found: dict[str, T] = {}
    for name, source in wanted.items():
        if progress:
            with open(progress, "w") as file:
                file.write(f"{kind}:{name}")
        try:
            found[name] = read(source)
        except (LongspanError, MemoryError) as error:
            errors[f"{kind}:{name}"] = " ".join(str(error).split()) or "takes more memory than it may"
    return found


def _own_stdout() -> int:
    """A descriptor of the real standard output; whatever else writes to 1 from now on reaches standard error."""
    document = os.dup(1)
    os.dup2(2, 1)
    return document


def _bound_memory() -> None:
    """Data, not address space: libraries reserve far more addresses than they ever write to."""
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    limit = MEMORY_BYTES if hard == resource.RLIM_INFINITY else min(MEMORY_BYTES, hard)
    resource.setrlimit(resource.RLIMIT_DATA, (limit, hard))
