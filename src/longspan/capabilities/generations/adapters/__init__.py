"""The eyes and hands of generations.

`folder` reads the file and asks the child that describes its steps, `accepting` pins and keeps what is accepted,
`machine` knows what may be granted here.
"""

from __future__ import annotations

from longspan.capabilities.generations.adapters.accepting import Generations, secrets_key
from longspan.capabilities.generations.adapters.folder import Folder

__all__ = ["Folder", "Generations", "secrets_key"]
