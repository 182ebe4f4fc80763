"""What people write: the types of ``longspan.yaml``, its text with positions, and what follows from it.

`load` turns text into a `System` or into every complaint at once; `fits` proves that the steps of each
graph fit together; `units` turns a `System` into the units that run.
"""
