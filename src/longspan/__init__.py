"""Longspan: one file describes an AI system, Longspan runs it.

What step code imports stands here: `Shape` and `Json` for annotations (see `longspan.base.signatures`).
"""

from longspan.base.signatures import Json, Shape

__all__ = ["Json", "Shape", "__version__"]
__version__ = "0.1.0"
