"""Requests whose end can be read in two ways, heads that are no heads, and everything around a body.

Behind each one that must be refused stands a `HIDDEN` request: who reads the frame otherwise would answer it. Envoy
reads some of them more leniently, as the RFC allows, and writes all that it passes on anew; no worker sees such bytes.

Sources: RFC 9112 (2.2: line ends, 3: request line, 5.2: obsolete folding, 6: framing, 7.1: chunks).
"""

from __future__ import annotations

import gzip
import zlib

from tests.hostile.bodies import sent
from tests.hostile.case import BODY, GOOD, HIDDEN, INFER, Case, chunked

WHOLE = b"content-length: %d\r\n\r\n%b" % (len(BODY), BODY)
CHUNKED = b"transfer-encoding: chunked\r\n"
LAST = b"0\r\n\r\n"
OK, LENIENT = 200, 200


def length(value: bytes) -> Case:
    """Of a length that is none."""
    return Case(INFER + b"content-length: %b\r\n\r\n%b%b" % (value, BODY, HIDDEN), 400, gateway=400)


def coding(lines: bytes, status: int = 400, gateway: int | None = 501) -> Case:
    """Of a transfer coding, whose body is chunked in any case."""
    return Case(INFER + lines + b"\r\n" + chunked(BODY) + HIDDEN, status, gateway=gateway)


def chunk(size: bytes, data: bytes = BODY, gateway: int | None = 400, hidden: bytes = HIDDEN) -> Case:
    """Of a chunk whose size stands there so."""
    return Case(INFER + CHUNKED + b"\r\n" + size + b"\r\n" + data + b"\r\n" + LAST + hidden, 400, gateway=gateway)


def head(line: bytes, status: int = 400, gateway: int | None = 400) -> Case:
    """Of a line among the headers."""
    return Case(INFER + line + b"\r\n" + WHOLE + (HIDDEN if status != OK else b""), status, gateway=gateway)


def line(first: bytes, status: int, gateway: int | None) -> Case:
    """Of a first line."""
    return Case(first + b"\r\nhost: x\r\n\r\n", status, gateway=gateway)


SIZE = b"%x" % len(BODY)
ONE = INFER + CHUNKED + b"\r\n" + SIZE + b"\r\n" + BODY + b"\r\n0\r\n"
"""All but the trailers."""
FRAMES = {
    "a length and chunks": coding(b"content-length: 5\r\n" + CHUNKED, gateway=400),
    "chunks and a length": coding(CHUNKED + b"content-length: 5\r\n", gateway=400),
    "two lengths": Case(INFER + b"content-length: 5\r\n" + WHOLE + HIDDEN, 400, gateway=400),
    "the same length twice": Case(INFER + b"content-length: %d\r\n" % len(BODY) + WHOLE + HIDDEN, 400, gateway=400),
    **{f"a length of {value.decode()!r}": length(value)
       for value in (b"", b"+5", b"-5", b"0x10", b"1_0", b"5, 5", b"5 5", b"5.0", b"9" * 30, b"five")},
    "a length beyond all": Case(INFER + b"content-length: 9223372036854775807\r\n\r\n", 413, gateway=413),
    "a space before the colon": coding(b"transfer-encoding : chunked\r\n", gateway=400),
    "a vertical tab": coding(b"transfer-encoding: \x0bchunked\r\n", gateway=400),
    "a tab": Case(INFER + b"transfer-encoding:\tchunked\r\n\r\n" + chunked(BODY), OK),
    "folded": Case(INFER + b"transfer-encoding:\r\n chunked\r\n\r\n" + chunked(BODY), 400, gateway=LENIENT),
    "chunked twice": coding(CHUNKED * 2),
    "chunked and identity": coding(CHUNKED + b"transfer-encoding: identity\r\n"),
    "chunked, then identity": coding(b"transfer-encoding: chunked, identity\r\n"),
    "identity": coding(b"transfer-encoding: identity\r\n", 501),
    "gzip, then chunked": coding(b"transfer-encoding: gzip, chunked\r\n", 501),
    "nearly chunked": coding(b"transfer-encoding: xchunked\r\n", 501),
    "quoted": coding(b'transfer-encoding: "chunked"\r\n', 501),
    "line feeds alone": Case(GOOD.replace(b"\r\n", b"\n"), 400, gateway=LENIENT),
    "a line feed alone": Case(INFER + b"a: b\n" + WHOLE, 400, gateway=LENIENT),
    "a carriage return alone": Case(INFER + b"a: b\rc: d\r\n" + WHOLE, 400, gateway=LENIENT),
    "a chunk beyond 64 bits": chunk(b"f" * 17),
    "a chunk of less than nothing": chunk(b"-5"),
    "a chunk of plus": chunk(b"+5"),
    "a chunk of no number": chunk(b"zz"),
    "a chunk with a prefix": chunk(b"0x" + SIZE),
    "a chunk without a size": chunk(b""),
    # Envoy looks for the line's end behind a chunk and passes over what stands before it.
    "a chunk that is longer than it says": chunk(SIZE, BODY + b"x", gateway=LENIENT, hidden=b""),
    "a chunk that is shorter than it says": chunk(SIZE, BODY[1:], hidden=b""),
    "a chunk behind zeros": Case(INFER + CHUNKED + b"\r\n" + b"0" * 100 + chunked(BODY), OK),
    "a line feed in an extension": chunk(SIZE + b";a=\nb"),
    "two megabytes of an extension": Case(
        INFER + CHUNKED + b"\r\n" + SIZE + b";" + b"a" * 2_000_000 + b"\r\n" + BODY + b"\r\n" + LAST, 431, gateway=200),
    "trailers without end": Case(ONE + b"x-more: 1\r\n" * 100_000, 431, gateway=431),
    "one trailer without end": Case(ONE + b"x-more: " + b"v" * 2_000_000, 431, gateway=431),
}  # fmt: skip

HEADS = {
    "a NUL in a value": head(b"x-a: a\0b"),
    "a NUL in a name": head(b"x\0a: b"),
    "a control character": head(b"x-a: a\x01b"),
    "no name": head(b": b"),
    "no colon": head(b"hello"),
    "a space in a name": head(b"x a: b"),
    "a header of 100 kB": head(b"x-a: " + b"v" * 100_000, 431, 431),
    "a name of 100 kB": head(b"n" * 100_000 + b": v", 431, 431),
    "ten thousand headers": head(b"\r\n".join(b"a%d: b" % n for n in range(10_000)), 431, 431),
    "bytes that are no ASCII": head(b"x-a: \xff\xfe", OK, None),
    "a path of 9 kB": Case(GOOD.replace(b"/infer", b"/infer?" + b"a" * 9_000, 1), 414, "longer than 8192 bytes"),
    "a path of 100 kB": Case(GOOD.replace(b"/infer", b"/infer?" + b"a" * 100_000, 1), 414, gateway=431),
    "an unknown method": line(b"BREW /v2 HTTP/1.1", 501, 400),
    "a method in small letters": line(b"get /v2 HTTP/1.1", 501, 400),
    "a method of 100 kB": line(b"A" * 100_000 + b" /v2 HTTP/1.1", 501, 431),
    "TRACE": line(b"TRACE /v2 HTTP/1.1", 405, 405),
    "DELETE": line(b"DELETE /v2 HTTP/1.1", 405, 405),
    "another protocol": line(b"GET /v2 HTTP/1.2", 400, 426),
    "a protocol in small letters": line(b"GET /v2 http/1.1", 400, 400),
    "another scheme": line(b"GET ftp://x/v2 HTTP/1.1", 404, 400),
    "no slash": line(b"GET v2 HTTP/1.1", 400, 400),
    "a path up": line(b"GET /v2/../../../../etc/passwd HTTP/1.1", 404, 404),
    "a path up in code": line(b"GET /v2/%2e%2e/%2e%2e/etc/passwd HTTP/1.1", 404, 404),
    "slashes in code": line(b"GET /v2%2fmodels%5ctiny HTTP/1.1", 404, 400),
    "a NUL in code": line(b"GET /v2/models/tiny%00 HTTP/1.1", 404, 400),
    "a NUL in the path": line(b"GET /v2\0/models HTTP/1.1", 400, 400),
    "code that is none": line(b"GET /v2/models/none%zz HTTP/1.1", 404, 404),
    "bytes in the path": line(b"GET /v2/\xff\xfe HTTP/1.1", 400, 400),
    "a path that is markup": line(b"GET /<script>alert(1)</script> HTTP/1.1", 404, 404),
    "TLS": Case(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"a" * 500, 501, gateway=400),
    "SSH": Case(b"SSH-2.0-OpenSSH_9.6\r\n", 501, gateway=400),
    "a proxy's preface": Case(b"PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n" + GOOD, 501, gateway=400),
    "an upgrade": Case(b"GET /v2 HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: tea\r\n\r\n", 501, gateway=403),
    "a call for tea": Case(sent(BODY, b"expect: tea"), 417, "100-continue"),
    "a time that is none": Case(sent(BODY, b"longspan-timeout-ms: -5"), 400, "expected a number of milliseconds"),
    "a time beyond all": Case(sent(BODY, b"longspan-timeout-ms: " + b"9" * 30), 400, "expected a number of"),
}  # fmt: skip


def coded(name: bytes, body: bytes, status: int = 400, says: str = "", *more: bytes) -> Case:
    return Case(sent(body, b"content-encoding: " + name, *more), status, says)


ZIPPED = gzip.compress(BODY)
BOMB = gzip.compress(bytes(200 << 20), 1)
CODINGS = {
    "gzip": coded(b"gzip", ZIPPED, OK),
    "GZIP": coded(b"GZIP", ZIPPED, OK),
    "deflate": coded(b"deflate", zlib.compress(BODY), OK),
    "identity": coded(b"identity", BODY, OK),
    "br": coded(b"br", BODY, 415, "read are gzip, deflate, identity"),
    "zstd": coded(b"zstd", BODY, 415, "read are gzip, deflate, identity"),
    "gzip twice": coded(b"gzip, gzip", gzip.compress(ZIPPED), 415, "'gzip, gzip'"),
    "a coding of a kilobyte": coded(b"z" * 1000, BODY, 415),
    "gzip that is none": coded(b"gzip", BODY, 400, "not what its content-encoding says"),
    "gzip of nothing": coded(b"gzip", b"", 400, "ends before its end"),
    "gzip cut short": coded(b"gzip", ZIPPED[:-9], 400, "ends before its end"),
    "gzip with another sum": coded(b"gzip", ZIPPED[:-8] + bytes(8), 400, "not what its content-encoding says"),
    "two streams of gzip": coded(b"gzip", ZIPPED * 2, 400, "follow the end"),
    "deflate as gzip": coded(b"gzip", zlib.compress(BODY), 400, "not what its content-encoding says"),
    "gzip of broken JSON": coded(b"gzip", gzip.compress(BODY[:-1]), 400, "no JSON"),
    "a bomb of 200 MB": coded(b"gzip", BOMB, 413, "larger than 16777216 bytes"),
    "a bomb in a bomb": coded(b"gzip", gzip.compress(BOMB), 400, "no JSON"),
}  # fmt: skip
