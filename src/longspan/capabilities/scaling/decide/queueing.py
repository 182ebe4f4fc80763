"""How long would requests wait, were there n replicas?

The mean wait of a queue with n servers by Sakasegawa's approximation: exact for one server, within a few per cent for
more. Replicas have a queue each, arrivals are burstier or more even than by chance: so the formula is used as a scale,
set by the wait that was seen (`inferred`), and what it gets wrong is learnt (`lessons`).

Source: H. Sakasegawa, An approximation formula L_q = alpha rho^beta / (1 - rho), Annals of the Institute of
Statistical Mathematics 29 (1977), 67-75.
"""

from __future__ import annotations

import math

MOST = 64
"""Servers looked at."""
_HALVINGS = 20


def wait(servers: int, rate: float, service: float) -> float:
    """Mean seconds in the queue. `rate`: requests a second, `service`: seconds each; infinite when overloaded."""
    busy = rate * service / servers
    if busy <= 0:
        return 0.0
    if busy >= 1:
        return math.inf
    return float(service / servers * busy ** _exponent(servers) / (1 - busy))


def inferred(servers: int, rate: float, waited: float) -> float:
    """The service time, in seconds, with which `wait` gives the wait that was seen."""
    if rate <= 0 or waited <= 0:
        return 0.0
    # Over the share that is busy, between 0 and 1, the wait rises from 0 without bound.
    low, high, exponent = 0.0, 1.0, _exponent(servers) + 1
    for _ in range(_HALVINGS):
        busy = (low + high) / 2
        # busy / rate is the service time over the servers.
        if busy**exponent / (1 - busy) < waited * rate:
            low = busy
        else:
            high = busy
    return high * servers / rate


def enough(rate: float, service: float, most_wait: float) -> int:
    """The fewest servers with which the mean wait stays within `most_wait` seconds; at most `MOST`."""
    least = max(1, math.floor(min(rate * service, float(MOST))))
    return next((n for n in range(least, MOST) if wait(n, rate, service) <= most_wait), MOST)


def _exponent(servers: int) -> float:
    return math.sqrt(2 * (servers + 1)) - 1
