"""The gateway: Envoy, the one door to all services, as a child process that we tell what to do.

`decide` renders its configuration and says which of it may be written now; `run` walks the trip;
`adapters` holds the eyes (its lock, its admin socket) and the hands (files, start, stop). `api` gives
its part of the metrics, `cli` is ``longspan call``.
"""
