"""KServe's simplest model: it gives its first input back. ``python kserve_echo.py PORT``"""

import sys
import uuid

from kserve import InferOutput, InferRequest, InferResponse, Model, ModelServer


class Echo(Model):
    """`x` to `y`."""

    def __init__(self) -> None:
        super().__init__("echo")
        self.ready = True

    async def get_input_types(self) -> list[dict[str, object]]:
        return [{"name": "x", "datatype": "FP32", "shape": [-1, 2]}]

    async def get_output_types(self) -> list[dict[str, object]]:
        return [{"name": "y", "datatype": "FP32", "shape": [-1, 2]}]

    async def predict(
        self, payload: InferRequest, headers: object = None, response_headers: object = None
    ) -> InferResponse:
        x = payload.inputs[0].as_numpy()
        y = InferOutput("y", list(x.shape), "FP32")
        y.set_data_from_numpy(x, binary_data=False)
        # Its answers need an id, also where the request had none.
        return InferResponse(payload.id or str(uuid.uuid4()), "echo", [y])


if __name__ == "__main__":
    ModelServer(http_port=int(sys.argv[1]), enable_grpc=False).start([Echo()])
