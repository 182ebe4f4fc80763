"""What comes when, and how long it takes: recorded, or made from a rate over time and a seed."""

from __future__ import annotations

import math
import random
from bisect import bisect_left
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path

import msgspec

from longspan.base.errors import LongspanError

Rate = Callable[[float], float]
"""Seconds since the start -> requests a second."""
Service = Callable[[random.Random], float]
"""Seconds that the next request takes."""

MOST_REQUESTS = 5_000_000


class Arrivals(msgspec.Struct, frozen=True, kw_only=True):
    """Requests in the order in which they come. Both rows have one entry a request.

    Raises `ValueError` for rows that differ in length, run backwards or hold negative times.
    """

    name: str
    at_seconds: tuple[float, ...]
    """Since the start of the record."""
    service_seconds: tuple[float, ...]
    """That a replica works on it."""

    def __post_init__(self) -> None:
        at, service = self.at_seconds, self.service_seconds
        if len(at) != len(service) or not at:
            raise ValueError(
                f"{len(at)} arrivals and {len(service)} service times: there must be one for each, at least one"
            )
        if at[0] < 0 or any(later < earlier for earlier, later in pairwise(at)):
            raise ValueError("at_seconds must rise from 0 on")
        if min(service) < 0 or not math.isfinite(sum(service) + at[-1]):
            raise ValueError("service_seconds must be positive numbers")

    @property
    def seconds(self) -> float:
        """Until the last one comes."""
        return self.at_seconds[-1]

    def offered(self, start: float = 0.0, end: float = math.inf) -> float:
        """How many replicas the requests of this span keep busy on average, were there enough."""
        end = min(end, self.seconds)
        first, last = bisect_left(self.at_seconds, start), bisect_left(self.at_seconds, end)
        return math.fsum(self.service_seconds[first:last]) / (end - start) if end > start else 0.0

    def write(self, path: Path) -> None:
        """As JSON, for a later comparison on the same arrivals."""
        path.write_bytes(msgspec.json.encode(self))


def read(path: Path) -> Arrivals:
    """Recorded arrivals. Raises `LongspanError` for a file that is none or is not there."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Arrivals)
    except OSError as error:
        raise LongspanError(f"cannot be read: {error.strerror}", at=str(path)) from None
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        remedy = "Write them with Arrivals.write, or name made ones (made:ramp)"
        raise LongspanError(f"holds no arrivals: {error}", at=str(path), remedy=remedy) from None


def recorded(name: str, at_seconds: Sequence[float], windows: Sequence[tuple[int, float]]) -> Arrivals:
    """Arrivals whose service times were read from load pages.

    `windows`: (requests that were worked on within it, mean service time of these) in order. Requests are begun in the
    order in which they come, so the first window's time is that of the first so many; what is left over has the last's.
    """
    times = [mean for count, mean in windows for _ in range(count)][: len(at_seconds)]
    times += [windows[-1][1]] * (len(at_seconds) - len(times))
    return Arrivals(name=name, at_seconds=tuple(at_seconds), service_seconds=tuple(times))


def poisson(rate: Rate, seconds: float, seed: int, most: float) -> list[float]:
    """Independent arrivals at a changing rate, by thinning: those of rate `most`, each kept with `rate(t) / most`.

    Source: P. A. W. Lewis, G. S. Shedler, Simulation of nonhomogeneous Poisson processes by thinning (1979).
    Raises `ValueError` where more than `MOST_REQUESTS` would come or the rate is above `most`.
    """
    if not most > 0 or most * seconds > MOST_REQUESTS:
        raise ValueError(
            f"a rate of {most:g}/s for {seconds:g} s: it must be positive and give at most {MOST_REQUESTS}"
        )
    chance = random.Random(seed)
    found: list[float] = []
    at = chance.expovariate(most)
    while at < seconds:
        now = rate(at)
        if now > most * (1 + 1e-9):
            raise ValueError(f"the rate is {now:g}/s at {at:g} s, above the most of {most:g}/s")
        if chance.random() * most < now:
            found.append(at)
        at += chance.expovariate(most)
    return found


def always(service_seconds: float) -> Service:
    """Each takes the same time."""
    return lambda chance: service_seconds


def exponential(mean_seconds: float) -> Service:
    """Mostly short ones and a few long ones, without memory."""
    return lambda chance: chance.expovariate(1 / mean_seconds)


def made(name: str, at_seconds: Sequence[float], service: Service, seed: int) -> Arrivals:
    """Arrivals at these moments with service times drawn from `service`."""
    # Another stream than that of the moments, so that one may be changed without the other.
    chance = random.Random(f"{seed} service")
    times = tuple(service(chance) for _ in at_seconds)
    return Arrivals(name=name, at_seconds=tuple(at_seconds), service_seconds=times)
