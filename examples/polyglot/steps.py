"""The last step: what the two servers have found, as an answer that people can read."""

from __future__ import annotations

from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray

from longspan import Json, Shape

Words = Annotated[list[str], Shape("count")]
Hash = Annotated[NDArray[np.uint64], Shape(1)]


def tell(words: Words, hash: Hash) -> Json:  # noqa: A002 - the name of the output it binds to
    """How many words, how many different ones, and the fingerprint as 16 hexadecimal digits."""
    told: dict[str, Any] = {"words": len(words), "different": len(set(words)), "fingerprint": f"{int(hash[0]):016x}"}
    return told
