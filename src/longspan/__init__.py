"""Longspan: one file describes an AI system, Longspan runs it.

What step code imports stands here: `Shape` and `Json` for annotations (see `longspan.base.signatures`), and
`RequestError` for what a client has sent wrong, or too much of: raised by a step, it is the answer.
"""

from longspan.base.errors import RequestError
from longspan.base.signatures import Json, Shape

__all__ = ["Json", "RequestError", "Shape", "__version__"]
__version__ = "0.1.0"
