# The doors. Each prepares what it needs (the active environment, else .venv), then does one thing.

.PHONY: help demo test check bench fuzz soak outsiders docs

help:
	@echo "make demo    a service on real files, under load, while parts of it are killed and replaced"
	@echo "make test    the checks, then every test (scripts/test quick: the loop for daily work)"
	@echo "make check   lint, format, types, import contracts, wheels for each Python"
	@echo "make bench   what Longspan costs over the bare limit; writes benchmarks/results/"
	@echo "make fuzz    bytes that nobody would think of, for every parser and codec, for ten minutes"
	@echo "make soak    twenty minutes of load, kills and updates, and what grows"
	@echo "make outsiders  the clients of others, each in an environment of its own, call a gateway of ours"
	@echo "make docs    docs/reference/, made anew from the code"

demo test check bench fuzz soak outsiders docs:
	@scripts/$@
