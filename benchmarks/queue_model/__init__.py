"""What would the waits have been with another policy? A model of replicas that serve requests; nothing real runs.

It takes arrivals, recorded or made, with the time that each request takes, and gives what a real system would have
given: load pages for the scaler at every tick, replicas that start, serve and leave, and the wait of every request.
The scaler's own decider is asked, the same that control asks. Same arrivals, same seed: same outcome, to the last
digit, on any machine.

::

    python -m benchmarks.queue_model ARRIVALS.json --with policy.yaml --with other.yaml
    python -m benchmarks.queue_model made:ramp --rate 20 --to 160 --service 20ms

What is modelled: one thread per replica that takes requests in order (several at once where a step says `batch`), the
gateway's choice of the replica with the fewest requests, the bound of the queue, the time a replica takes to start,
draining. What is not: deaths, time limits, and that replicas may be short of cores. A model is believed as far as it
was compared: `benchmarks.agreement` does that with real replicas, and the tests with formulas of queueing theory.

`arrivals` holds what comes, `simulate` the loop, `replica` one replica in it, `outcome` what came of it, `policy` the
way from load pages to a count, `show` the table and the plot.
"""

from __future__ import annotations

from benchmarks.queue_model.arrivals import Arrivals
from benchmarks.queue_model.outcome import Decided, Moment, Outcome
from benchmarks.queue_model.replica import Worker
from benchmarks.queue_model.simulate import Scaler, simulate

__all__ = ["Arrivals", "Decided", "Moment", "Outcome", "Scaler", "Worker", "simulate"]
