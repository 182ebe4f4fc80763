"""The three doors of `longspan.serving`, without a command-line library: start-up time counts here."""

from __future__ import annotations

import sys

USAGE = "usage: python -m longspan.serving run ORDERS [--secrets FD] | keep ORDERS | describe ORDERS"


def main(arguments: list[str]) -> int:
    """Exit code: what the door returned; 2 for a wrong command line."""
    match arguments:
        case ["run", orders]:
            from longspan.serving.main import run

            return run(orders, secrets=None)
        case ["run", orders, "--secrets", descriptor] if descriptor.isdigit():
            from longspan.serving.main import run

            return run(orders, secrets=int(descriptor))
        case ["keep", orders]:
            from longspan.serving.keeper.main import run as keep

            return keep(orders)
        case ["describe", orders]:
            from longspan.serving import describe

            return describe.main(orders)
    sys.stderr.write(USAGE + "\n")
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
