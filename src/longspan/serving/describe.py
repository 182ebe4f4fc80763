"""What do the models and steps take and give? ``python -m longspan.serving describe ORDERS``.

Stub: signatures first, bodies follow.
"""

from __future__ import annotations


def main(orders_path: str) -> int:
    """Read `DescribeOrders`, print `Described` as JSON on stdout; exit code 0 when it could be printed."""
    raise NotImplementedError
