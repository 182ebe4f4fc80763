"""What tritonclient sends is understood, and what is answered tritonclient understands. No server: only its codec."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from tritonclient.http import InferenceServerClient, InferInput, InferRequestedOutput

from longspan.base.dtypes import TABLE, DType
from longspan.base.signatures import TensorType
from longspan.wire.oip import InferCodec
from longspan.wire.tensors import Tensor
from tests.wire.tensors_drawn import same


def some(row: DType) -> Tensor:
    if row.oip == "BYTES":
        return np.array([[b"one", "zwölf".encode()]], object)
    return np.array([[1, 0]], row.numpy)


def round_trip(row: DType, array: Tensor, *, sent: bool, wanted: bool | None) -> Any:
    tensor = TensorType(row.oip, ("batch", 2))
    codec = InferCodec("m", "1", {"x": tensor}, {"y": tensor})
    given = InferInput("x", list(array.shape), row.oip)
    given.set_data_from_numpy(array, binary_data=sent)
    asked = None if wanted is None else [InferRequestedOutput("y", binary_data=wanted)]
    body, length = InferenceServerClient.generate_request_body([given], outputs=asked, request_id="7")
    request = codec.decode(body if isinstance(body, bytes) else body.encode(), length)
    assert same(request.inputs["x"], array)
    answer = codec.encode(request, {"y": request.inputs["x"]})
    return InferenceServerClient.parse_response_body(answer.body, header_length=answer.header_length)


# tritonclient itself refuses to write FP16 as JSON.
WAYS = [(row, sent) for row in TABLE for sent in (True, False) if sent or row.oip != "FP16"]


@pytest.mark.parametrize(("row", "sent"), WAYS, ids=[f"{row.oip}-{'binary' if sent else 'json'}" for row, sent in WAYS])
@pytest.mark.parametrize("wanted", [True, False, None])
def test_tritonclient_gets_back_what_it_sent(row: DType, sent: bool, wanted: bool | None) -> None:
    array = some(row)
    result = round_trip(row, array, sent=sent, wanted=wanted)
    assert result.get_response()["id"] == "7"
    back = result.as_numpy("y")
    # From JSON it gives text as it stands there; from binary data as bytes.
    expected = np.array([[b.decode() for b in array[0]]]) if row.oip == "BYTES" and wanted is False else array
    assert np.array_equal(back, expected)
