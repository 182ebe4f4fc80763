"""tritonclient, with nothing of ours beside it, against the starter: ``python tritonclient_client.py HOST:PORT``"""

import sys

import numpy as np
import tritonclient.http as triton

FLOWER = np.array([[5.1, 3.5, 1.4, 0.2], [6.3, 3.3, 6.0, 2.5]], np.float32)


def given(name: str, datatype: str, array: np.ndarray, binary: bool) -> list[triton.InferInput]:
    tensor = triton.InferInput(name, list(array.shape), datatype)
    tensor.set_data_from_numpy(array, binary_data=binary)
    return [tensor]


def refused(client: triton.InferenceServerClient, model: str, inputs: list[triton.InferInput]) -> str:
    try:
        client.infer(model, inputs)
    except triton.InferenceServerException as error:
        return str(error)
    raise AssertionError("was not refused")


def main(address: str) -> None:
    with triton.InferenceServerClient(address) as client:
        assert client.is_server_live()
        assert client.is_server_ready()
        assert client.get_server_metadata()["name"] == "longspan"
        print("  alive, ready and named")

        assert client.is_model_ready("iris")
        assert client.is_model_ready("iris", "1")
        assert not client.is_model_ready("nobody")
        assert client.get_model_metadata("iris")["inputs"] == [{"name": "flower", "datatype": "FP32", "shape": [-1, 4]}]
        print("  models ready and described, and one that there is not")

        for binary in (False, True):
            outputs = [triton.InferRequestedOutput(name, binary_data=binary) for name in ("species", "probabilities")]
            answer = client.infer("iris", given("flower", "FP32", FLOWER, binary), outputs=outputs, request_id="mine")
            assert answer.get_response()["id"] == "mine"
            assert [str(one, "ascii") if binary else one for one in answer.as_numpy("species")] == [
                "setosa", "virginica",
            ], answer.as_numpy("species")  # fmt: skip
            assert answer.as_numpy("probabilities").sum(axis=1).round(4).tolist() == [1, 1]
        print("  FP32 in, BYTES and FP32 out: as JSON, and as binary")

        for binary in (False, True):
            content = np.array([b"[5.1, 3.5, 1.4, 0.2]"], object)
            answer = client.infer("flower", given("content", "BYTES", content, binary))
            assert answer.as_numpy("species").tolist() == [b"setosa"]
        print("  BYTES in, to a service of steps: as JSON, and as binary")

        pending = [client.async_infer("iris", given("flower", "FP32", FLOWER, True)) for _ in range(20)]
        assert all(one.get_result().as_numpy("species").tolist() == [b"setosa", b"virginica"] for one in pending)
        print("  twenty at a time")

        words = refused(client, "iris", given("flower", "FP64", FLOWER.astype(np.float64), True))
        assert all(word in words for word in ("FP64", "FP32", "400")), words
        assert "petals" in (words := refused(client, "iris", given("petals", "FP32", FLOWER, True))), words
        assert "nobody" in (words := refused(client, "nobody", given("flower", "FP32", FLOWER, True))), words
        print("  wrong type, wrong name, no such model: the words and the status")


if __name__ == "__main__":
    main(sys.argv[1])
