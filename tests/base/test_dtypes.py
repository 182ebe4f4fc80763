"""The table of data types: the same rows for everybody who names a type."""

from __future__ import annotations

import numpy as np
import onnx
import pytest

from longspan.base.dtypes import BY_NUMPY, BY_OIP, BY_ONNX, TABLE, DType


def test_the_types_are_those_of_the_open_inference_protocol() -> None:
    whole = "BOOL UINT8 UINT16 UINT32 UINT64 INT8 INT16 INT32 INT64 FP16 FP32 FP64 BYTES"
    assert " ".join(BY_OIP) == whole


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.oip)
def test_numpy_agrees_on_the_size_and_kind(row: DType) -> None:
    dtype = np.dtype(row.numpy)
    if row.oip == "BYTES":
        assert (dtype.kind, row.size) == ("O", 0)
    else:
        assert dtype.itemsize == row.size
        assert row.kind == {"b": "bool", "u": "uint", "i": "int", "f": "float"}[dtype.kind]
    assert np.dtype(next(name for name, found in BY_NUMPY.items() if found is row)) == dtype


@pytest.mark.parametrize("row", [row for row in TABLE if row.oip != "BYTES"], ids=lambda row: row.oip)
def test_onnx_agrees_on_the_name(row: DType) -> None:
    number = onnx.helper.np_dtype_to_tensor_dtype(np.dtype(row.numpy))
    assert row.onnx == f"tensor({onnx.TensorProto.DataType.Name(number).lower()})"


def test_no_two_rows_share_a_name() -> None:
    assert len(BY_OIP) == len(BY_ONNX) == len(BY_NUMPY) == len(TABLE)
