"""The steps of this system that are Python. Change one, save it, and `longspan up --watch` applies it."""

from typing import Annotated, TypedDict

import numpy as np
from numpy.typing import NDArray

from longspan import Json, Shape

LENGTHS = ("sepal_length", "sepal_width", "petal_length", "petal_width")


class Measured(TypedDict):
    """What `read` gives: the model's input of the same name takes it."""

    flower: Annotated[NDArray[np.float32], Shape("batch", 4)]


def read(content: Json) -> Measured:
    """``[5.1, 3.5, 1.4, 0.2]``, or the same four with their names, in centimetres."""
    if isinstance(content, dict):
        if missing := [name for name in LENGTHS if name not in content]:
            raise ValueError(f"missing: {', '.join(missing)}")
        content = [content[name] for name in LENGTHS]
    if not isinstance(content, list) or len(content) != len(LENGTHS):
        raise ValueError(f"expected a list of four numbers: {', '.join(LENGTHS)}")
    if not all(isinstance(length, int | float) and 0 <= length < 100 for length in content):
        raise ValueError("each length is a number of centimetres, from 0 to 100")
    return {"flower": np.array([content], dtype=np.float32)}
