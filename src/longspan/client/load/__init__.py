"""The paced load client: does a service answer everybody, rightly, and how fast?

An open loop: request `n` is due when the schedule says so (``start + n / rate``, along a ramp, or as it was
recorded) whatever became of the earlier ones, and its latency counts from that moment, not from when it could
be sent. A server that stalls for a second therefore shows a second, on every request that had to wait (no
coordinated omission). It is the strict outsider of journeys, demo and benchmarks: it never retries, and by
default every second request opens a new connection while the other one reuses what the first has opened.
Anything but a right answer with status 200 is a failure, counted by reason, the first ones kept with time,
status and start of the body.

::

    report = run(Plan(address="127.0.0.1:8080", requests=(Request(path="/v2/models/hello/infer", body=b),),
                      rate_per_second=300, seconds=10))
    with Background(plan) as load:           # a thread with a loop of its own
        load.mark("replica killed")
    print(load.report)

    Plan(address=..., requests=..., schedule=Ramp(5, 100, over_seconds=60), seconds=90)
    Plan(address=..., requests=..., schedule=Arrivals((0.0, 0.013, 0.9)))
    for second in load.report.timeline():    # due, ok, failed, and percentiles of each
        print(second.start, second.due, second.failed, second.latency.p95)

The client stays light (httptools, uvloop, no task per request on a kept connection), so a thread is
enough: at 300 requests/s it takes about a twentieth of one core. Whether it was itself in time is in the report
(`Report.worst_lag_seconds`, `Report.late`, `Report.not_sent`). `values` holds what goes in and comes out,
`schedule` when each is due, `drive` the loop, `background` a thread for it, `connection` one HTTP/1.1
connection, `pace` the timer.
"""

from longspan.client.load.background import Background
from longspan.client.load.drive import drive, run
from longspan.client.load.schedule import Arrivals, Ramp, Schedule, Steady
from longspan.client.load.values import (
    Answer,
    Check,
    Failure,
    Latency,
    Mark,
    Plan,
    Progress,
    Reason,
    Report,
    Request,
    Window,
)

__all__ = [
    "Answer",
    "Arrivals",
    "Background",
    "Check",
    "Failure",
    "Latency",
    "Mark",
    "Plan",
    "Progress",
    "Ramp",
    "Reason",
    "Report",
    "Request",
    "Schedule",
    "Steady",
    "Window",
    "drive",
    "run",
]
