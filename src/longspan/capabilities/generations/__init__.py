"""Generations: how a file becomes a numbered, accepted system, how it comes to serve, and how it goes back.

`decide` judges a pending generation from what was seen; `run` is the errand of apply, rollback and of
each trip; `adapters` reads the folder of the file and asks the child that describes its steps.
"""
