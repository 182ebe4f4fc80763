"""The one table of data types: Open Inference Protocol, numpy, ONNX, Arrow, and bytes per element.

Everything that names a data type goes through a row of this table. numpy types stand as strings,
so that a command that never touches a tensor does not import numpy.

Source: Open Inference Protocol v2, "Tensor Data Types" (kserve/open-inference-protocol); ONNX IR,
`TensorProto.DataType`; Arrow columnar format.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class DType:
    """One data type under all its names."""

    oip: str
    numpy: str
    """Little-endian numpy type string; BYTES is an object array of `bytes`."""
    onnx: str
    """As onnxruntime prints it: ``tensor(float)``."""
    arrow: str
    size: int
    """Bytes per element in the binary tensor extension; 0 for BYTES (length-prefixed)."""
    kind: str
    """``bool``, ``uint``, ``int``, ``float`` or ``bytes``: what a JSON element must be."""


TABLE: tuple[DType, ...] = (
    DType("BOOL", "?", "tensor(bool)", "bool", 1, "bool"),
    DType("UINT8", "u1", "tensor(uint8)", "uint8", 1, "uint"),
    DType("UINT16", "<u2", "tensor(uint16)", "uint16", 2, "uint"),
    DType("UINT32", "<u4", "tensor(uint32)", "uint32", 4, "uint"),
    DType("UINT64", "<u8", "tensor(uint64)", "uint64", 8, "uint"),
    DType("INT8", "i1", "tensor(int8)", "int8", 1, "int"),
    DType("INT16", "<i2", "tensor(int16)", "int16", 2, "int"),
    DType("INT32", "<i4", "tensor(int32)", "int32", 4, "int"),
    DType("INT64", "<i8", "tensor(int64)", "int64", 8, "int"),
    DType("FP16", "<f2", "tensor(float16)", "halffloat", 2, "float"),
    DType("FP32", "<f4", "tensor(float)", "float", 4, "float"),
    DType("FP64", "<f8", "tensor(double)", "double", 8, "float"),
    DType("BYTES", "O", "tensor(string)", "binary", 0, "bytes"),
)

BY_OIP = {row.oip: row for row in TABLE}
BY_ONNX = {row.onnx: row for row in TABLE}
BY_NUMPY = {row.numpy.lstrip("<"): row for row in TABLE}
"""Keyed by numpy's type string without its byte order: ``f4``, ``i8``, ``O``."""
