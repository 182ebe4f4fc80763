"""The small bodies of the protocol: metadata, readiness, errors."""

from __future__ import annotations

from typing import Any

import msgspec

from longspan.base.signatures import TensorType

_encode = msgspec.json.Encoder().encode


def error_body(text: str) -> bytes:
    """``{"error": text}``. What UTF-8 cannot hold (half of a pair of surrogates, as in odd file names) is escaped."""
    return _encode({"error": text.encode("utf-8", "backslashreplace").decode()})


def server_metadata(version: str) -> bytes:
    """Body of ``GET /v2``."""
    return _encode({"name": "longspan", "version": version, "extensions": ["binary_tensor_data"]})


def model_metadata(
    name: str, version: str, platform: str, inputs: dict[str, TensorType], outputs: dict[str, TensorType]
) -> bytes:
    """Body of ``GET /v2/models/NAME``. Free dimensions are -1. `platform`: ``onnx_onnxv1``, ``longspan_service``."""

    def described(tensors: dict[str, TensorType]) -> list[dict[str, Any]]:
        return [
            {"name": key, "datatype": t.dtype, "shape": [d if isinstance(d, int) else -1 for d in t.shape]}
            for key, t in tensors.items()
        ]

    return _encode(
        {
            "name": name,
            "versions": [version],
            "platform": platform,
            "inputs": described(inputs),
            "outputs": described(outputs),
        }
    )


def ready_body(name: str, ready: bool) -> bytes:
    """Body of ``GET /v2/models/NAME/ready``."""
    return _encode({"name": name, "ready": ready})
