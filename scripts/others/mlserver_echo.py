"""MLServer's simplest model: it gives its first input back."""

from mlserver import MLModel
from mlserver.types import InferenceRequest, InferenceResponse, ResponseOutput


class Echo(MLModel):
    """`x` to `y`."""

    async def load(self) -> bool:
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        x = payload.inputs[0]
        y = ResponseOutput(name="y", datatype=x.datatype, shape=x.shape, data=x.data)
        return InferenceResponse(model_name=self.name, id=payload.id, outputs=[y])
