"""May a request be sent twice, and how long is it tried?

The retry contract (DESIGN 14) is made of two classes. A connection that never opened carried nothing, so it is always
tried again, for about six seconds: long enough for a replica to come back in its slot. The same holds for what a
replica of ours sends back untouched because it gives itself up; it says so by a header that no client sees. A request
that was sent and
then cut off may have done half its work: it is sent again only where every step is repeatable. Nothing is repeated
once the first byte of an answer is on its way to the client.

Source: Envoy 1.40, `config.route.v3.RetryPolicy`.
"""

from __future__ import annotations

from typing import Any

from longspan.capabilities.gateway.decide.paths import TYPE
from longspan.wire import http1

# Waits are drawn between 0 and a bound of 25, 75, 175, then 250 ms: sixty of them last 7.3 s, give or take 0.6.
_RETRIES = 60
_BACK_OFF = {"base_interval": "0.025s", "max_interval": "0.250s"}
_NEVER_SENT = "connect-failure,refused-stream,reset-before-request"
NOT_BEGUN = http1.NOT_BEGUN.decode()


def retries(*, repeatable: bool, elsewhere: int | None = None, ours: bool = True) -> dict[str, Any]:
    """The policy of a route. `repeatable`: what was cut off may be sent again. `elsewhere`: this status says that
    another replica is the right one to ask, and that nothing was done yet. `ours`: it leads to workers, who alone are
    believed that they have not begun."""
    conditions = [_NEVER_SENT]
    conditions += ["reset"] if repeatable else []
    conditions += ["retriable-headers"] if ours else []
    conditions += ["retriable-status-codes"] if elsewhere else []
    policy: dict[str, Any] = {
        "retry_on": ",".join(conditions),
        "num_retries": _RETRIES,
        "retry_back_off": _BACK_OFF,
        # Another replica first; with one alone, the fourth choice is taken as it comes.
        "retry_host_predicate": [
            {
                "name": "envoy.retry_host_predicates.previous_hosts",
                "typed_config": {
                    "@type": f"{TYPE}envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate"
                },
            }
        ],
        "host_selection_retry_max_attempts": 3,
    }
    if ours:
        policy["retriable_headers"] = [{"name": NOT_BEGUN, "present_match": True}]
    return policy | ({"retriable_status_codes": [elsewhere]} if elsewhere else {})
