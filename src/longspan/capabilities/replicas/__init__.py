"""Replicas: the processes that do the work of units, each in a numbered slot.

`decide` says what is safe to do now; `run` walks the trip; `adapters` holds the eyes (locks,
handshakes, load pages, logs) and the hands (start, drain, kill) of this machine.
"""
