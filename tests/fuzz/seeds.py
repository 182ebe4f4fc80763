"""Where the fuzzers start: ordinary inputs of each target, one of each kind."""

from __future__ import annotations

import struct
from pathlib import Path

import msgspec

from longspan.base.signatures import Signature, TensorType
from longspan.wire.load.layout import ENDPOINT_SLOTS, PROCESS_SLOTS, STEP_SLOTS
from longspan.wire.orders import Limits as ServiceLimits
from longspan.wire.orders import Orders, ServerWork, ServiceWork, StepWork, Work
from tests.fuzz.given import steer

ROOT = Path(__file__).parents[2]
_ONE = TensorType("BYTES", (1,))


def seeds(target: str) -> list[bytes]:
    """Those of one target; without any it starts from nothing."""
    return _MADE[target]()


def _http() -> list[bytes]:
    same, rows = (
        b"POST /v1/services/same HTTP/1.1\r\nhost: a\r\n",
        b"POST /v2/models/rows/infer HTTP/1.1\r\nhost: a\r\n",
    )
    json = b'{"inputs":[{"name":"input","shape":[1,2],"datatype":"FP32","data":[1,2]}]}'
    one = b"GET /v2 HTTP/1.1\r\nhost: a\r\n\r\n"
    hello = same + b"content-length: 5\r\n\r\nhello"
    streams = [
        one,
        one * 3,
        hello,
        hello * 70,
        one + hello + one,
        hello + b"garbage\r\n\r\n",
        rows + b"content-length: %d\r\n\r\n" % len(json) + json + one,
        rows + b"inference-header-content-length: 9\r\ncontent-length: %d\r\n\r\n" % len(json) + json,
        same + b"transfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n" + one,
        same + b"transfer-encoding: chunked\r\n\r\n5;a=b\r\nhello\r\n0\r\ntrailer: x\r\n\r\n" + one,
        same + b"Content-Length: 5\r\nExpect: 100-continue\r\n\r\nhello" + one,
        same + b"content-length: 0\r\n\r\n" + one,
        same + b"content-length: 65536\r\n\r\n\x01a\xff" + b"\x01a\x01" + one,
        same + b"content-length: 81920\r\n\r\n\x01a\xa0\x01b\xa0" + one,
        same + b"content-length: 9999999\r\n\r\n\x01a\xff",
        same + b"transfer-encoding: chunked\r\n\r\n20000\r\n\x01a\xff\x01a\xff\x01a\x02\r\n0\r\n\r\n" + one,
        same + b"content-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n" + one,
        same + b"content-length: 5\r\ncontent-length: 6\r\n\r\nhello" + one,
        same + b"content-encoding: gzip\r\ncontent-length: 5\r\n\r\nhello" + one,
        same + b"accept: text/html\r\ncontent-length: 5\r\n\r\nhello",
        same + b"connection: close\r\n\r\n" + one,
        b"GET /v2 HTTP/1.0\r\n\r\n" + one,
        b"GET /v2 HTTP/1.0\r\nconnection: keep-alive\r\n\r\n" + one,
        b"HEAD /v2/health/ready HTTP/1.1\r\nhost: a\r\n\r\n" + one,
        b"OPTIONS * HTTP/1.1\r\nhost: a\r\n\r\n" + one,
        b"GET http://a/v2/models/rows HTTP/1.1\r\nhost: a\r\n\r\n",
        b"DELETE /v2 HTTP/1.1\r\nhost: a\r\n\r\n" + one,
        b"GET / HTTP/1.1\r\nupgrade: h2c\r\nconnection: upgrade\r\n\r\n" + one,
        hello + b"CONNECT a:1 HTTP/1.1\r\n\r\n",
        b"GET /\x01a\x40 HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\na: \x01b\xff\x01b\x20\r\n\r\n",
        b"BREW / HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + b"".join(b"h%d: x\r\n" % index for index in range(140)) + b"\r\n",
        b"GET / HTTP/1.1\r\nlongspan-timeout-ms: x\r\n\r\n" + one,
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ]
    return [steer(raw, steering) for raw in streams for steering in (b"\x07\x20\x15\x40", b"\x00")]


def _tensor(name: str, shape: str, datatype: str, data: str) -> str:
    values = data if data.startswith('"parameters"') else f'"data":{data}'
    return f'{{"name":"{name}","shape":{shape},"datatype":"{datatype}",{values}}}'


def _request() -> list[bytes]:
    binary = '"parameters":{"binary_data_size":\x1d}'
    asked = '"outputs":[{"name":"a","parameters":{"binary_data":true}}]'
    bodies: list[tuple[int, list[str], str, bytes]] = [
        (0, [_tensor("a", "[1,2]", "FP32", "[1,2.5]")], "", b""),
        (0, [_tensor("a", "[2,2]", "FP32", "[[1,-2],[1e3,0.5]]")], f'"id":"7",{asked}', b""),
        (
            0,
            [_tensor("a", "[1,2]", "FP32", binary)],
            '"parameters":{"binary_data_output":true}',
            struct.pack("<2f", 1, 2),
        ),
        (1, [_tensor("a", "[1]", "BYTES", '["\\u00fc\\ud83d\\ude00"]')], "", b""),
        (1, [_tensor("a", "[1]", "BYTES", binary)], "", b"\x02\x00\x00\x00hi"),
        (
            2,
            [_tensor("a", "[2,1]", "INT64", "[9223372036854775807,-1]"), _tensor("b", "[1]", "BOOL", "[true]")],
            "",
            b"",
        ),
        (3, [_tensor("a", "[1,2]", "BYTES", '[["x",""]]'), _tensor("b", "[]", "FP64", "[1e308]")], "", b""),
        (4, [_tensor("a", "[2]", "BOOL", "[true,false]")], "", b""),
        (5, [_tensor("a", "[2]", "UINT8", "[0,255]")], "", b""),
        (13, [_tensor("a", "[1]", "FP16", "[65504]")], "", b""),
        (16, [_tensor("a", "[1,3,1]", "FP16", binary)], "", b"\x00\x3c\x00\x7c\x00\x7e"),
        (17, [_tensor("b", "[1,2,2]", "UINT8", "[[[1,2],[3,4]]]"), _tensor("a", "[1]", "BYTES", '["{}"]')], "", b""),
        (0, [_tensor("a", "[1,2]", "FP32", "\x01[\xff")], "", b""),
        (0, [_tensor("a", "[1,2]", "FP32", '[1,2],"parameters":{"x":\x01[\x40')], "", b""),
        (0, [_tensor("a", "[99999999999,2]", "FP32", "[1,2]")], "", b""),
        (0, [_tensor("\x01a\x40", "[1,2]", "FP32", "[1,2]")], "", b""),
    ]
    made = []
    for index, inputs, more, tail in bodies:
        text = f'{{{more}{"," if more else ""}"inputs":[{",".join(inputs)}]}}'
        made.append(steer(text.encode("latin-1") + (b"\x1e" + tail if tail else b""), bytes([index])))
    return made


def _answer() -> list[bytes]:
    asked = [raw.replace(b'"inputs"', b'"outputs"') for raw in _request()]
    more = b'{"model_name":"m","model_version":"1","id":null,"outputs":[{"name":"a","shape":[1,2],"datatype":"FP32",'
    return [
        *asked,
        steer(more + b'"data":[1,2]}]}', b"\x00"),
        steer(b'{"error":"no"}', b"\x00"),
        steer(b"<html>", b"\x00"),
    ]


def _natural() -> list[bytes]:
    heads = [
        b"", b"text/plain; charset=utf-8", b"image/*;q=0.5, text/plain;q=0.2, */*;q=0.1", b'a/b;x="y,z\\"";q=1',
        b"text/event-stream", b'"\x01\\\x10', b'a/b;x="\x01"\x08', b"\x01,\x20", b"application/json;q=0,*/*",
    ]  # fmt: skip
    bodies = [b"", b"line\r\nline\rline\n\n", "zwölf".encode(), b"\xff\xfe", b'{"a":\n1}']
    return [steer(head + b"\x1e" + body, bytes([index])) for head in heads for index, body in enumerate(bodies)]


def _egress() -> list[bytes]:
    answers = [
        b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\n\r\nuntil the end",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}",
        b"HTTP/1.1 204 No Content\r\n\r\n",
        b'HTTP/1.1 503 Busy\r\nretry-after: 1\r\nContent-Length: 13\r\nconnection: close\r\n\r\n{"error":"x"}',
        b"HTTP/1.1 200 OK\r\ncontent-length: 32768\r\n\r\n\x01a\x80",
        b"HTTP/1.0 200 OK\r\ncontent-length: 1\r\n\r\nx",
        b"HTTP/1.1 200 OK\r\ncontent-length: 999999999\r\n\r\n",
        b"HTTP/1.1 200 OK\r\na: \x01b\xff\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n",
        b"ICY 200 OK\r\n\r\n",
        b"HTTP/1.1 101 Switching\r\nupgrade: x\r\nconnection: upgrade\r\n\r\nrest",
        b"HTTP/1.1 304 Not\r\ncontent-length: 3\r\n\r\n",
        b'HTTP/1.1 200 OK\r\ncontent-type: application/json; charset=x\r\ncontent-length: 9\r\n\r\n{"a":"b"}',
        b'HTTP/1.1 400 No\r\ncontent-length: 9\r\n\r\n{"error":',
        b"HTTP/1.1 500 x\r\ncontent-length: 3\r\n\r\n\xff\xfe\xfd",
    ]
    return [
        steer(raw, steering) for raw in answers for steering in (b"\x07\x20\x15", b"\x00", b"\x01\x40", b"\x03\x03")
    ]


def _page() -> list[bytes]:
    names = b'{"endpoints":["a","b"],"steps":[["a","x"]]}'
    slots = struct.pack("<q", 7) * (PROCESS_SLOTS + 2 * ENDPOINT_SLOTS + STEP_SLOTS)
    return [
        steer(names + b"\x1e" + slots, b"\x00"),
        steer(names + b"\x1e" + slots[:800], b"\x04"),
        steer(b"LSLOAD02" + bytes(8)),
    ]


def _orders() -> list[bytes]:
    signature = Signature({"x": _ONE}, {"y": TensorType("FP32", ("batch", 3))})
    step = StepWork(
        name="a",
        run="m:f",
        repeatable=True,
        inputs={"x": "x"},
        signature=signature,
        settings={"k": [1, None, {"a": 2}]},
    )
    service = ServiceWork(
        name="s", version="1", inputs={"x": _ONE}, outputs={"y": "a.y"}, steps=(step,), accepts={"*/*": "x"},
        answers={"application/json": "y"}, limits=ServiceLimits(),
    )  # fmt: skip
    work = Work(unit="s", services=(service,), server=ServerWork(model="m", command=("node", "x.js"), port=True))
    orders = Orders(
        replica="r", generation=1, slot=0, digest=work.digest(), work=work, code_path="c", model_paths={"m": "p"},
        socket="s", lock="l", load="o", graphs="g",
    )  # fmt: skip
    return [
        msgspec.json.encode(orders),
        msgspec.json.encode(orders)[:900],
        b'{"work":{"services":[{"steps":[{"settings":\x01[\x80',
    ]


def _yaml() -> list[bytes]:
    files = [path.read_bytes() for path in sorted((ROOT / "examples").glob("*/longspan.yaml"))]
    golden = sorted((ROOT / "tests" / "golden" / "complaints").glob("*.txt"))
    files += [path.read_bytes()[:600] for path in golden[::4]]
    bomb = b"a: &a [x,x,x,x,x,x,x,x,x]\n" + b"".join(
        b"%c: &%c [%b]\n" % (98 + n, 98 + n, b",".join([b"*%c" % (97 + n)] * 9)) for n in range(8)
    )
    return [
        *files,
        bomb,
        b"\x01[\x02",
        b"system: {name: a}\nsystem: {name: b}\n",
        b"a: |\n \x01x\x40\n",
        b"%YAML 1.2\n---\na: 1\n",
        b"? [a]\n: b\n",
    ]


def _onnx() -> list[bytes]:
    def field(number: int, content: bytes | int) -> bytes:
        if isinstance(content, int):
            return bytes([number << 3]) + bytes([content]) if number < 16 else b""
        key = number << 3 | 2
        return (bytes([key]) if key < 128 else bytes([key & 127 | 128, key >> 7])) + bytes([len(content)]) + content

    def value(name: bytes, *shape: bytes) -> bytes:
        sizes = b"".join(field(1, size) for size in shape)
        return field(1, name) + field(2, field(1, field(1, 1) + field(2, sizes)))

    weight = field(8, b"w") + field(14, 0)
    graph = field(5, weight) + field(11, value(b"x", field(2, b"N"), field(1, 16))) + field(11, value(b"w"))
    node = field(5, field(5, field(14, 1)) + field(6, field(12, value(b"z"))))
    return [
        field(7, graph + field(12, value(b"y", field(2, b"batch"), field(1, 3), b""))),
        field(7, graph + field(12, value(b"y", field(2, b"unk__1")))),
        field(7, field(1, node) + field(12, value(b"y"))),
        field(7, graph + field(12, field(1, b"y") + field(2, field(4, b"")))), b"\x3a\xff\xff\xff\xff\x0f",
    ]  # fmt: skip


def _words() -> list[bytes]:
    texts = [
        ["250ms", "1.5h", "0s", "1000000d", "5"], ["64MiB", "0.5KiB", "1kB", "1B"], ["75%", "0.1%", "100%"],
        ["mon-fri 08:00-18:00 Europe/Berlin", "sat-mon,wed 22:00-06:00 UTC", "sun 00:00-24:00 Europe"],
        ["FP32[batch, 16]", "BYTES[1]", "TEXT[]", "FP32[batch, 3, ~w]", "JSON[1", "FP99[1]"],
        ["image/*", "*/*", "text/plain"], ["application/json"], ["sha256:" + "0" * 64], ["1.0.3"],
        ["package:magika/models/model.onnx", "models/tiny.onnx", "../x"], ["steps:read", "a.b:c"], ["hello-world"],
    ]  # fmt: skip
    return [steer(text.encode(), bytes([index])) for index in range(12) for group in texts for text in group]


def _ignored() -> list[bytes]:
    lines = [
        b"",
        b"*.bin\n!a.bin\n",
        b"data/\n",
        b"**/deep/*",
        b"[a-",
        b"\\",
        b"!",
        b"/x y/\n#c\n\\#c",
        b"\xff\xfe",
        b"***a/**/",
    ]
    return [steer(line, name) for line in lines for name in (b"", b"a\xffb", b"\n")]


_MADE = {
    "http": _http, "request": _request, "answer": _answer, "natural": _natural, "egress": _egress, "client": _egress,
    "page": _page, "orders": _orders, "yaml": _yaml, "onnx": _onnx, "words": _words, "ignored": _ignored,
}  # fmt: skip
