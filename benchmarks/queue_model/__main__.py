"""``python -m benchmarks.queue_model``: the same arrivals under several policies, as a table and plots.

::

    python -m benchmarks.queue_model arrivals.json --with now.yaml --with braver.yaml --fixed 2
    python -m benchmarks.queue_model made:day --rate 5 --to 150 --seconds 600 --with now.yaml --write day.json

A policy file holds what stands under `scaling:`. Without ``--with`` and ``--fixed`` the defaults are shown, up to as
many replicas as the load keeps busy twice over.
"""

from __future__ import annotations

import argparse
import math
import sys
from pathlib import Path

from benchmarks.queue_model.arrivals import Arrivals, always, exponential, made, poisson, read
from benchmarks.queue_model.policy import PolicyScaler, read_policy
from benchmarks.queue_model.replica import Worker
from benchmarks.queue_model.shapes import bursts, day, ramp, steady, steps
from benchmarks.queue_model.show import MOST, decisions, plots, table
from benchmarks.queue_model.simulate import simulate
from longspan.base.errors import LongspanError
from longspan.base.units import parse_duration
from longspan.spec.scaling import Policy

MADE = "made:"
SHAPES = ("steady", "ramp", "steps", "bursts", "day")


def main(arguments: list[str] | None = None) -> int:
    """Exit code 0; 2 for arguments that make no sense, told on stderr."""
    parser = _parser()
    options = parser.parse_args(arguments)
    try:
        arrivals = _arrivals(options)
        policies = {Path(path).stem: read_policy(Path(path)) for path in options.policies}
    except (LongspanError, ValueError) as error:
        parser.error(str(error))
    if not policies and not options.fixed:
        policies = {"defaults": Policy(min=1, max=max(2, math.ceil(2 * arrivals.offered())))}
    if len(policies) + len(options.fixed) > MOST:
        parser.error(f"{len(policies) + len(options.fixed)} runs in one plot; name at most {MOST}")
    if options.write:
        arrivals.write(options.write)
    worker = Worker(start_seconds=options.start, rows=options.rows, once_seconds=options.once)
    outcomes = {
        f"{count} fixed": simulate(arrivals, worker, replicas=count, seed=options.seed) for count in options.fixed
    }
    for name, policy in policies.items():
        scaler = PolicyScaler(policy)
        outcomes[name] = simulate(arrivals, worker, replicas=policy.min, scaler=scaler, seed=options.seed)
    print(
        f"{arrivals.name}: {len(arrivals.at_seconds)} requests in {arrivals.seconds:.0f} s, on average "
        f"{arrivals.offered():.2f} replicas busy; a replica starts within {options.start:g} s. A model, nothing ran.\n"
    )
    print(table(outcomes), plots(outcomes), sep="\n\n")
    for name, found in outcomes.items():
        if found.decided:
            print("", f"{name} decided:", *decisions(found), sep="\n")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.queue_model",
        description="Other policies on the same arrivals: what would be waited?",
    )
    parser.add_argument("arrivals", help=f"a file of arrivals, or {MADE}SHAPE, of {', '.join(SHAPES)}")
    parser.add_argument("--with", dest="policies", action="append", default=[], metavar="POLICY.yaml")
    parser.add_argument("--fixed", action="append", default=[], type=int, metavar="N", help="this count, never changed")
    parser.add_argument("--start", default=2.0, type=_seconds, help="from a decision until a replica serves (2s)")
    parser.add_argument("--rows", default=1, type=int, help="requests that may share a run (1)")
    parser.add_argument("--once", default=0.0, type=_seconds, help="part of the service time paid once a run (0s)")
    parser.add_argument("--seed", default=1, type=int)
    of_made = parser.add_argument_group("made arrivals")
    of_made.add_argument("--rate", default=20.0, type=float, help="requests a second, at first or at least (20)")
    of_made.add_argument("--to", default=160.0, type=float, help="at the end or at most (160)")
    of_made.add_argument("--seconds", default=300.0, type=float, help="how long (300)")
    of_made.add_argument("--service", default=0.02, type=_seconds, help="time a request takes (20ms)")
    of_made.add_argument("--vary", action="store_true", help="that time is a mean: most shorter, some much longer")
    of_made.add_argument("--write", type=Path, metavar="FILE.json", help="keep the arrivals")
    return parser


def _arrivals(options: argparse.Namespace) -> Arrivals:
    if not options.arrivals.startswith(MADE):
        return read(Path(options.arrivals))
    low, high, seconds = options.rate, options.to, options.seconds
    rates = {
        "steady": steady(low),
        "ramp": ramp(low, high, seconds / 6, seconds / 2),
        "steps": steps((low, high, (low + high) / 2, low), seconds / 4),
        "bursts": bursts(low, high, seconds / 6, seconds / 30),
        "day": day(low, high, seconds),
    }
    shape = options.arrivals.removeprefix(MADE)
    if shape not in rates:
        raise ValueError(f"no such shape: {shape!r}; there are {', '.join(SHAPES)}")
    service = exponential(options.service) if options.vary else always(options.service)
    return made(shape, poisson(rates[shape], seconds, options.seed, max(low, high)), service, options.seed)


def _seconds(text: str) -> float:
    try:
        return parse_duration(text).total_seconds()
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


if __name__ == "__main__":
    sys.exit(main())
