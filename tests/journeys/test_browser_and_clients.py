"""The clients that people have, against the starter: ours, tritonclient's rarer ways, httpx, curl, and a browser."""

from __future__ import annotations

import asyncio
import functools
import http.server
import json
import shutil
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import httpx
import numpy as np
import pytest
import tritonclient.http as triton
import tritonclient.http.aio as triton_aio

from benchmarks.system import System, copy_example
from longspan.client import AsyncClient, Client, RequestError

FLOWER = np.array([[5.1, 3.5, 1.4, 0.2]], np.float32)
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
PAGE = """<!doctype html><title>t</title><pre id="said">nothing</pre><script>
fetch("http://GATEWAY/v1/services/flower", {
  method: "POST", body: "[5.1, 3.5, 1.4, 0.2]",
  headers: {"content-type": "application/json", "x-request-id": "from-a-page"}
}).then(async a => [a.status, await a.json(), a.headers.get("x-request-id")].join(" "), e => "refused " + e.name)
  .then(text => { document.getElementById("said").textContent = text })
</script>"""


class Pages:
    """Serves a folder to browsers, at ports of its own: one page, several origins."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        handler = functools.partial(_Quiet, directory=str(folder))
        self.servers = [http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) for _ in range(2)]
        self.origins = [f"http://127.0.0.1:{server.server_address[1]}" for server in self.servers]
        self.threads = [threading.Thread(target=server.serve_forever) for server in self.servers]

    def __enter__(self) -> Pages:
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        for server, thread in zip(self.servers, self.threads, strict=True):
            server.shutdown()
            server.server_close()
            thread.join()


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pages]:
    with Pages(tmp_path_factory.mktemp("pages")) as pages:
        yield pages


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory, pages: Pages) -> Iterator[str]:
    """The starter; the first of the two origins may call it."""
    with System(copy_example("hello", tmp_path_factory.mktemp("hello"))) as system:
        system.change("longspan.yaml", "{port: 8080}", f'{{port: 0, cors: {{origins: ["{pages.origins[0]}"]}}}}')
        system.change("longspan.yaml", "    steps:\n", "    settle: 0s\n    steps:\n")
        system.up()
        (pages.folder / "index.html").write_text(PAGE.replace("GATEWAY", system.address))
        yield system.address


def test_our_client_calls_by_arrays_by_content_and_by_name(address: str) -> None:
    with Client(f"http://{address}") as client:
        assert client.ready()
        assert [tensor["name"] for tensor in client.metadata("iris")["inputs"]] == ["flower"]
        for binary in (True, False):
            result = client.infer("iris", {"flower": FLOWER}, outputs=["species"], binary=binary, request_id="mine")
            assert (result.outputs["species"].tolist(), result.request_id) == ([b"setosa"], "mine")
        assert (
            json.loads(client.send("flower", b"[5.1, 3.5, 1.4, 0.2]", media_type="application/json").body) == "setosa"
        )
        with pytest.raises(RequestError, match="FP64") as refused:
            client.infer("iris", {"flower": FLOWER.astype(np.float64)})
        assert refused.value.status == 400


def test_our_asynchronous_client_calls_many_at_a_time(address: str) -> None:
    async def all_of_them() -> list[list[bytes]]:
        async with AsyncClient(f"http://{address}", connections=8) as client:
            results = await asyncio.gather(*(client.infer("iris", {"flower": FLOWER}) for _ in range(50)))
            return [result.outputs["species"].tolist() for result in results]

    assert asyncio.run(all_of_them()) == [[b"setosa"]] * 50


def given() -> list[triton.InferInput]:
    tensor = triton.InferInput("flower", [1, 4], "FP32")
    tensor.set_data_from_numpy(FLOWER)
    return [tensor]


@pytest.mark.parametrize("coding", ["gzip", "deflate"])
def test_tritonclient_compresses_its_requests_and_would_have_answers_compressed(address: str, coding: str) -> None:
    with triton.InferenceServerClient(address) as client:
        result = client.infer(
            "iris", given(), request_compression_algorithm=coding, response_compression_algorithm=coding
        )
        assert result.as_numpy("species").tolist() == [b"setosa"]


def test_tritonclient_is_told_what_there_is_not(address: str) -> None:
    with triton.InferenceServerClient(address) as client:
        with pytest.raises(triton.InferenceServerException, match="classification is not supported"):
            client.infer("iris", given(), outputs=[triton.InferRequestedOutput("species", class_count=2)])
        shared = triton.InferInput("flower", [1, 4], "FP32")
        shared.set_shared_memory("region", 16)
        with pytest.raises(triton.InferenceServerException, match="shared memory is not supported"):
            client.infer("iris", [shared])
        with pytest.raises(triton.InferenceServerException, match="nothing is at /v2/systemsharedmemory"):
            client.get_system_shared_memory_status()
        with pytest.raises(triton.InferenceServerException, match="no output is called 'name'"):
            client.infer("iris", given(), outputs=[triton.InferRequestedOutput("name")])


def test_tritonclient_of_asyncio_calls_too(address: str) -> None:
    async def call() -> list[bytes]:
        async with triton_aio.InferenceServerClient(address) as client:
            assert await client.is_server_ready()
            result = await client.infer("iris", given())
            answer: list[bytes] = result.as_numpy("species").tolist()
            return answer

    assert asyncio.run(call()) == [b"setosa"]


def test_httpx_keeps_one_connection_for_content_inference_and_errors(address: str) -> None:
    asked = {"inputs": [{"name": "flower", "shape": [1, 4], "datatype": "FP32", "data": FLOWER.tolist()}]}
    ports = set()

    def seen(answer: httpx.Response) -> None:
        ports.add(answer.extensions["network_stream"].get_extra_info("client_addr")[1])

    with httpx.Client(base_url=f"http://{address}", event_hooks={"response": [seen]}) as client:
        answers = [
            client.post("/v1/services/flower", json=[5.1, 3.5, 1.4, 0.2]),
            client.post("/v2/models/iris/infer", json=asked),
            client.post("/v2/models/iris/infer", json={"inputs": []}),
            client.post("/v2/models/iris/infer", content=iter([json.dumps(asked).encode()])),  # in chunks
            client.get("/v2/models/nobody"),
            client.get("/v2/health/ready"),
        ]
    assert [answer.status_code for answer in answers] == [200, 200, 400, 200, 404, 200]
    assert answers[0].json() == "setosa"
    assert answers[1].json()["outputs"][0]["data"] == answers[3].json()["outputs"][0]["data"] == ["setosa"]
    assert "flower" in answers[2].json()["error"]
    assert "nobody" in answers[4].json()["error"]
    assert (len(ports), {answer.http_version for answer in answers}) == (1, {"HTTP/1.1"})


def test_httpx_of_asyncio_calls_many_at_a_time(address: str) -> None:
    async def all_of_them() -> list[object]:
        async with httpx.AsyncClient(base_url=f"http://{address}", limits=httpx.Limits(max_connections=8)) as client:
            calls = (client.post("/v1/services/flower", json=[5.1, 3.5, 1.4, 0.2]) for _ in range(50))
            return [answer.json() for answer in await asyncio.gather(*calls)]

    assert asyncio.run(all_of_them()) == ["setosa"] * 50


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not on PATH")
def test_curl_posts_a_body_and_asks_for_compression(address: str) -> None:
    command = ["curl", "-sS", "--fail", "--compressed", "--data-binary", "@-", "-H", "content-type: application/json"]
    done = subprocess.run(
        [*command, f"http://{address}/v1/services/flower"],
        input=b"[5.1, 3.5, 1.4, 0.2]", capture_output=True, timeout=20, check=True,
    )  # fmt: skip
    assert json.loads(done.stdout) == "setosa"


@pytest.mark.skipif(CHROMIUM is None, reason="no chromium is on PATH (Debian: apt-get install chromium)")
def test_a_browser_lets_a_page_call_from_the_origin_that_was_declared_and_from_no_other(
    address: str, pages: Pages, tmp_path: Path
) -> None:
    said = [_shown(origin, tmp_path / str(number)) for number, origin in enumerate(pages.origins)]
    assert ">200 setosa from-a-page<" in said[0]
    assert ">refused TypeError<" in said[1]


def _shown(origin: str, profile: Path) -> str:
    """The page as it is once its script has run."""
    options = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", f"--user-data-dir={profile}"]
    command = [str(CHROMIUM), *options, "--virtual-time-budget=10000", "--dump-dom", f"{origin}/index.html"]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout
