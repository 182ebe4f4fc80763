"""KServe's client against the starter, one line a check: ``python kserve_client.py HOST:PORT``"""

import asyncio
import sys

import httpx
import numpy as np
from kserve import InferenceRESTClient, InferInput, InferRequest, InferResponse
from kserve.inference_client import RESTConfig
from kserve.protocol.infer_type import RequestedOutput

FLOWER = np.array([[5.1, 3.5, 1.4, 0.2], [6.3, 3.3, 6.0, 2.5]], np.float32)


def request(model: str, name: str, datatype: str, array: np.ndarray, binary: bool, **more: object) -> InferRequest:
    given = InferInput(name, list(array.shape), datatype)
    given.set_data_from_numpy(array, binary_data=binary)
    return InferRequest(model, [given], request_id="mine", **more)


async def main(url: str) -> None:
    async with InferenceRESTClient(RESTConfig(protocol="v2", timeout=20)) as client:

        async def infer(asked: InferRequest, **more: object) -> InferResponse:
            return await client.infer(url, asked, model_name=asked.model_name, **more)

        async def refused(asked: InferRequest) -> str:
            try:
                await infer(asked)
            except httpx.HTTPStatusError as error:
                return str(error)
            raise AssertionError("was not refused")

        assert await client.is_server_live(url) is True
        assert await client.is_server_ready(url) is True
        print("  alive and ready")

        assert await client.is_model_ready(url, "iris")
        assert await client.is_model_ready(url, "flower")
        assert not await client.is_model_ready(url, "nobody")
        print("  models ready, and one that there is not")

        for binary in (False, True):
            answer = await infer(request("iris", "flower", "FP32", FLOWER, binary))
            assert (answer.model_name, answer.id) == ("iris", "mine")
            species, probabilities = map(answer.get_output_by_name, ("species", "probabilities"))
            assert species.as_numpy().tolist() == ["setosa", "virginica"], species
            assert probabilities.as_numpy().shape == (2, 3)
            assert probabilities.as_numpy().sum(axis=1).round(4).tolist() == [1, 1]
        print("  FP32 in, BYTES and FP32 out: as JSON, and as binary in")

        headers: dict[str, str] = {}
        all_binary = request("iris", "flower", "FP32", FLOWER, True, parameters={"binary_data_output": True})
        answer = await infer(all_binary, response_headers=headers)
        assert "inference-header-content-length" in headers
        assert answer.get_output_by_name("species").as_numpy().tolist() == ["setosa", "virginica"]
        one = [RequestedOutput("probabilities", {"binary_data": True})]
        answer = await infer(request("iris", "flower", "FP32", FLOWER, True, request_outputs=one))
        assert [output.name for output in answer.outputs] == ["probabilities"]
        print("  binary out: all of them, and the one that was asked for")

        for binary in (False, True):
            content = np.array([b"[5.1, 3.5, 1.4, 0.2]"], object)
            answer = await infer(request("flower", "content", "BYTES", content, binary))
            assert answer.get_output_by_name("species").as_numpy().tolist() == ["setosa"]
        print("  BYTES in, to a service of steps: as JSON, and as binary")

        words = await refused(request("iris", "flower", "FP64", FLOWER.astype(np.float64), True))
        assert all(word in words for word in ("FP64", "FP32", "400")), words
        words = await refused(request("iris", "petals", "FP32", FLOWER, True))
        assert "petals" in words, words
        words = await refused(request("nobody", "flower", "FP32", FLOWER, False))
        assert all(word in words for word in ("nobody", "404")), words
        print("  wrong type, wrong name, no such model: the words and the status")


if __name__ == "__main__":
    asyncio.run(main(f"http://{sys.argv[1]}"))
