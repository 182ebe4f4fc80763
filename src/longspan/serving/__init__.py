"""A worker: the process of one replica. It knows bytes and models, and nothing of the file or the ledger.

::

    python -B -m longspan.serving run ORDERS [--secrets FD]     the worker; its working directory is the state folder
    python -m longspan.serving describe ORDERS                  what models and steps take and give; runs nothing

A request's way: `protocol` (bytes to an exchange) > `routes` (who answers this path) > `endpoint` (decode) >
`runner` or `tasks` (when and where it runs) > `graph` (the steps) > `endpoint` (encode, count) > `protocol`.
`admission` says who may come in, `batching` who runs together, `pace` whether that is on the loop or in the
thread. `order` says which steps may run at the same time, `fan` how rows of different sizes run together, `egress` how
a step in another unit is called. `main` is the corridor from the orders to the exit.
"""
