"""Steps in Python, ``module:attribute``: a function, an async function, an async generator, or a class of such.

`annotations` reads what a step takes and gives, `step` loads it, `values` turns tensors into what it takes and what it
returns into tensors.
"""

from longspan.serving.runtimes.python.annotations import describe
from longspan.serving.runtimes.python.step import load

__all__ = ["describe", "load"]
