"""How does a tensor look as JSON and as bytes, and does its shape fit?

Stub: signatures first, bodies follow.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from numpy.typing import NDArray

from longspan.base.signatures import TensorType

Tensor = NDArray[Any]


class TensorError(ValueError):
    """A tensor is not what its type says. The text names the tensor, what was expected, what came."""


def bind(name: str, tensor: TensorType, shape: Sequence[int], dims: dict[str, int]) -> None:
    """Check `shape` against the type: rank, fixed dimensions, and names already bound in `dims`.

    Free dimensions not seen yet are added to `dims`. Raises `TensorError`.
    """
    raise NotImplementedError


def check(name: str, tensor: TensorType, array: Tensor, dims: dict[str, int]) -> Tensor:
    """`array` as the type wants it (safe cast, C-contiguous), its shape bound in `dims`; else `TensorError`."""
    raise NotImplementedError


def from_json(name: str, tensor: TensorType, shape: Sequence[int], data: bytes) -> Tensor:
    """JSON list (flat, or nested exactly as `shape`) -> array of `shape`. Raises `TensorError`."""
    raise NotImplementedError


def to_json(name: str, array: Tensor) -> bytes:
    """Flat JSON list of the elements, row-major. Raises `TensorError` for NaN, Infinity, BYTES that are no UTF-8."""
    raise NotImplementedError


def from_binary(name: str, tensor: TensorType, shape: Sequence[int], data: bytes | memoryview) -> Tensor:
    """Little-endian row-major bytes (BYTES: 4-byte length before each element) -> array. Raises `TensorError`."""
    raise NotImplementedError


def to_binary(array: Tensor) -> bytes:
    """The reverse of `from_binary`."""
    raise NotImplementedError


def dtype_name(array: Tensor) -> str:
    """OIP name of the array's data type. Raises `TensorError` when it has none."""
    raise NotImplementedError


