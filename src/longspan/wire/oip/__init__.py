"""Open Inference Protocol v2 over REST: a request's bytes to checked tensors, tensors to an answer's bytes.

`infer` holds the codec of one endpoint, `common` its short way for the common request, `call` the codec of who calls
one; `parts` is what both sides share, `documents` the small bodies (metadata, readiness, errors).

Sources: Open Inference Protocol v2, "Inference REST" and "Binary Tensor Data Extension"
(kserve/open-inference-protocol). Checked against tritonclient in the tests.
"""

from longspan.wire.oip.call import Asked, CallCodec, NotJson
from longspan.wire.oip.documents import error_body, model_metadata, ready_body, server_metadata
from longspan.wire.oip.infer import CONTENT_BINARY, CONTENT_JSON, Encoded, InferCodec
from longspan.wire.oip.parts import HEADER_LENGTH
from longspan.wire.oip.request import InferRequest

__all__ = [
    "CONTENT_BINARY",
    "CONTENT_JSON",
    "HEADER_LENGTH",
    "Asked",
    "CallCodec",
    "Encoded",
    "InferCodec",
    "InferRequest",
    "NotJson",
    "error_body",
    "model_metadata",
    "ready_body",
    "server_metadata",
]
