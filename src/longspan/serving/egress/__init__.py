"""Steps that run in another unit, called through the gateway's egress socket.

`remote` gives such a step as something to call, `caller` holds the connections of a worker, `connection` is one of
them, `verdict` says what the client hears when there is no answer. A worker knows one address and no peers: the gateway
finds a replica, retries and balances (DESIGN 13). What is retried here is only a kept connection that was already
closed.
"""

from longspan.serving.egress.caller import MOST_CONNECTIONS, Caller
from longspan.serving.egress.remote import Remote, remote

__all__ = ["MOST_CONNECTIONS", "Caller", "Remote", "remote"]
