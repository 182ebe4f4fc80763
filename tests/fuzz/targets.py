"""All that is fuzzed: a name, the harness, words that a fuzzer may use.

A harness takes bytes and returns, or raises when something is not as it should be. It knows no fuzzer, so whatever one
has found is replayed by calling it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module


@dataclass(frozen=True)
class Target:
    """One harness, and how it is fuzzed."""

    harness: str
    """``module:function``; imported when it is run, so that each is instrumented alone."""
    words: tuple[str, ...] = ()
    """Pieces of input that a fuzzer would be long in finding."""
    most_bytes: int = 4096
    """Of one input; what is larger is reached by repetition (`given.expanded`)."""
    also: tuple[str, ...] = ()
    """Packages whose coverage guides, besides ours."""

    def function(self) -> Callable[[bytes], None]:
        """The harness itself."""
        module, _, name = self.harness.partition(":")
        found: Callable[[bytes], None] = getattr(import_module(f"tests.fuzz.{module}"), name)
        return found

    def run(self, data: bytes) -> None:
        """One input. Raises when something is not as it should be."""
        self.function()(data)


_HTTP = (
    "GET ", "POST ", "HEAD ", "OPTIONS ", "CONNECT ", " HTTP/1.1\r\n", " HTTP/1.0\r\n", "\r\n\r\n", "host: a\r\n",
    "content-length: ", "transfer-encoding: chunked\r\n", "connection: close\r\n", "connection: upgrade\r\n",
    "connection: keep-alive\r\n", "expect: 100-continue\r\n", "content-encoding: gzip\r\n", "upgrade: h2c\r\n",
    "longspan-timeout-ms: 5\r\n", "inference-header-content-length: ", "content-type: application/json\r\n",
    "/v1/services/same", "/v2/models/rows/infer", "/v2/health/ready", "0\r\n\r\n", "\r\n5\r\n", "5;a=b\r\n",
    "HTTP/1.1 200 OK\r\n", "HTTP/1.1 503 x\r\n", "HTTP/1.1 100 Continue\r\n\r\n", "HTTP/1.1 204 No Content\r\n",
    '{"error":"x"}', "retry-after: 1\r\n", "http://a/v2", "\x01a\xff",
)  # fmt: skip
_OIP = (
    '{"inputs":[', '{"outputs":[', '{"name":"a","shape":[', '],"datatype":"', '","data":[', '"parameters":{',
    '"binary_data_size":', "\x1d", "\x1e", '"binary_data":true', '"binary_data_output":true', '"id":"', "FP16", "FP32",
    "FP64", "INT8", "INT64", "UINT64", "BOOL", "BYTES", "true", "null", "NaN", "1e308", "-0.0", "9007199254740993",
    "18446744073709551616", "\\ud800", "\\u0000", '"b"', '"model_name":"m"', '"shared_memory_region":"x"',
    '"classification":1', "\x01[\xff",
)  # fmt: skip
_YAML = (
    "system:\n  name: ", "services:\n  s:\n    steps:\n", "      a:\n", "        run: m:f\n", "        model: ",
    "models:\n  m:\n    file: ", "inputs: {x: ", '"BYTES[1]"', '"FP32[batch, ~w]"', "outputs: {y: ", "scaling:\n",
    "replicas: 2", "resources: {memory: 1MiB}", "when: not a.y", "from: {x: a.y}", "pad: {w: 8}", "accepts: {",
    "answers: {", "with: {k: ", '"${env:A}"', "command: [a, ", "url: ", "http://127.0.0.1:{port}", "unix:{socket}",
    "hours: ", "mon-fri 08:00-18:00 Europe/Berlin", "limits: {", "gateway: {port: 8080}", "cors: {origins: [", "&a ",
    "*a", "<<: ", "!!str ", "---\n", "...\n", "%YAML 1.2\n", "? ", "|\n", ">-\n", "'", "# ", "\x01[\x20", "\x01{\x20",
    "\u2028", "\x85", "\ufeff", '"\\ud800"', "0x", "1e999", ".nan",
)  # fmt: skip
_WORDS = (
    "250ms", "64MiB", "75%", "1.5h", "0.000001", "999999999999999d", "kB", "FP32[batch, 16]", "BYTES[1]", "TEXT[", "~w",
    "mon-fri ", "22:00-06:00 ", "Europe/Berlin", "America/", "24:00", "sat-mon,wed", "package:a/b.onnx", "../", "m.n:f",
    "image/*", "*/*", "application/json", "sha256:", "\x01a\x10",
)  # fmt: skip
_HEADERS = (
    "text/plain", "image/png", "image/*", "*/*", "application/json", ";q=0.5", ";q=0", '"', '\\"', ", ", "; charset=",
    "text/event-stream", "\x1e", "\x01\\\xff", '\x01"\xff', "\x01,\xff", "\x01 \xff",
)  # fmt: skip

TARGETS = {
    "http": Target("on_http:run", _HTTP),
    "request": Target("on_oip:run_request", _OIP),
    "answer": Target("on_oip:run_answer", _OIP),
    "natural": Target("on_natural:run", _HEADERS),
    "egress": Target("on_egress:run", _HTTP),
    "client": Target("on_client:run", _HTTP, also=("http",)),
    "page": Target("on_files:run_page", ('{"endpoints":["a"],"steps":[["a","b"]]}', "LSLOAD02", "\x1e")),
    "orders": Target("on_files:run_orders", most_bytes=8192),
    "yaml": Target("on_yaml:run", _YAML, also=("ruamel",)),
    "onnx": Target("on_onnx:run"),
    "words": Target("on_words:run", _WORDS, most_bytes=512),
    "ignored": Target("on_ignored:run", ("*", "**/", "!", "[a-", "\\", "/", "data", "?", "#"), 512, also=("pathspec",)),
}
