"""Bodies that are no request to the tiny model, though their frame is right: what is wrong is told, in its words."""

from __future__ import annotations

import json
from typing import Any

from benchmarks import tiny
from tests.hostile.case import BODY, INFER, Case

DATA = list(tiny.ROW)
INPUT: dict[str, Any] = {"name": "input", "shape": [1, 16], "datatype": "FP32", "data": DATA}
RAW = bytes(64)


def sent(body: bytes, *headers: bytes) -> bytes:
    """The request that has this body."""
    return b"%b%bcontent-length: %d\r\n\r\n%b" % (INFER, b"".join(one + b"\r\n" for one in headers), len(body), body)


def bad(body: bytes, says: str) -> Case:
    return Case(sent(body), 400, says)


def oip(*inputs: object, **more: object) -> bytes:
    return json.dumps({"inputs": inputs, **more}).encode()


def one(**changes: object) -> bytes:
    """The right request but for this of its input."""
    return oip(INPUT | changes)


def number(text: str) -> bytes:
    """The right request, but for this as its first number."""
    return BODY.replace(b"-1.0", text.encode(), 1)


def described(size: object, shape: object = (1, 16)) -> dict[str, Any]:
    return {"name": "input", "shape": shape, "datatype": "FP32", "parameters": {"binary_data_size": size}}


def binary(*sizes: object, shape: object = (1, 16), tail: bytes = RAW, length: bytes | int | None = None) -> Case:
    """Inputs of these binary sizes over `tail`; `length`: what the header says, None for the truth."""
    head = oip(*(described(size, shape) for size in sizes))
    told = length if isinstance(length, bytes) else b"%d" % (len(head) if length is None else length)
    return Case(sent(head + tail, b"inference-header-content-length: " + told), 400)


JSON = {
    "nothing": bad(b"", "no JSON"),
    "blanks": bad(b" \r\n\t" * 1000, "no JSON"),
    "a NUL": bad(b"\0", "no JSON"),
    "not-a-number": bad(number("NaN"), "no JSON"),
    "infinity": bad(number("Infinity"), "no JSON"),
    "minus infinity": bad(number("-Infinity"), "no JSON"),
    "a number too large for a double": bad(number("1e999"), "out of range"),
    "an integer of 400 digits": bad(number("9" * 400), "out of range"),
    "an integer of a million digits": bad(number("9" * 1_000_000), "out of range"),
    "a fraction of a million digits that is too large": bad(number("9" * 1_000_000 + ".5"), "out of range"),
    "a number too large for FP32": bad(number("1e39"), "FP32 holds"),
    "a leading zero": bad(number("01"), "no JSON"),
    "a plus": bad(number("+1"), "no JSON"),
    "hex": bad(number("0x10"), "no JSON"),
    "a bare point": bad(number(".5"), "no JSON"),
    "a hundred thousand brackets": bad(b"[" * 100_000, "Expected `object`, got `array`"),
    "a hundred thousand brackets as data": bad(number("[" * 100_000), "nested too deeply"),
    "a hundred thousand braces as a parameter": bad(b'{"parameters":' + b'{"a":' * 100_000, "nested too deeply"),
    "a hundred thousand whole brackets": bad(
        b'{"inputs":[],"parameters":{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}}", "nested too deeply"
    ),
    "broken UTF-8": bad(oip(INPUT, id="?").replace(b"?", b"\xff\xfe"), "UTF-8"),
    "an overlong slash": bad(oip(INPUT, id="?").replace(b"?", b"\xc0\xaf"), "UTF-8"),
    "a surrogate in UTF-8": bad(oip(INPUT, id="?").replace(b"?", b"\xed\xa0\x80"), "UTF-8"),
    "a lone surrogate as id": bad(oip(INPUT, id="\ud800"), "JSON"),
    "a lone surrogate as name": bad(one(name="\udfff"), "JSON"),
    "UTF-16": bad(BODY.decode().encode("utf-16"), "no JSON"),
    "a byte order mark": bad(b"\xef\xbb\xbf" + BODY, "no JSON"),
    "something behind it": bad(BODY + b"x", "no JSON"),
    "two requests": bad(BODY + BODY, "no JSON"),
    "a trailing comma": bad(BODY.removesuffix(b"}") + b",}", "no JSON"),
    "a comment": bad(b"/**/" + BODY, "no JSON"),
    "single quotes": bad(BODY.replace(b'"', b"'"), "no JSON"),
    "a list": bad(b"[" + BODY + b"]", "Expected `object`, got `array`"),
    "a string": bad(b'"inputs"', "Expected `object`, got `str`"),
    "a number": bad(b"7", "Expected `object`, got `int`"),
    "null": bad(b"null", "Expected `object`, got `null`"),
    "a line break in a string": bad(oip(INPUT, id="?").replace(b"?", b"\n"), "no JSON"),
    "a form": bad(b"inputs=1&data=2", "no JSON"),
    "a pickle": bad(b"\x80\x04cos\nsystem\n(S'id'\ntR.", "no JSON"),
}  # fmt: skip

TENSORS = {
    "no inputs": bad(b"{}", "missing required field `inputs`"),
    "an empty list of inputs": bad(oip(), "'input' (FP32[batch, 16]) is missing"),
    "inputs that are none": bad(b'{"inputs":null}', "Expected `array`, got `null`"),
    "another name": bad(one(name="imput"), "did you mean 'input'?"),
    "a name of a megabyte": bad(one(name="n" * 1_000_000), "no input is called"),
    "a name that is a path": bad(one(name="../../etc/passwd"), "no input is called"),
    "an input more": bad(oip(INPUT, INPUT | {"name": "more"}), "no input is called 'more'"),
    "an input twice": bad(oip(INPUT, INPUT), "'input' is given twice"),
    "ten thousand inputs": bad(oip(*[INPUT | {"data": []}] * 10_000), "'input'"),
    "another type": bad(one(datatype="INT64"), "takes FP32[batch, 16]; came datatype 'INT64'"),
    "no type": bad(one(datatype="fp32"), "came datatype 'fp32'"),
    "a type that is no text": bad(one(datatype=32), "Expected `str`, got `int`"),
    "an unknown field": bad(one(dtype="FP32"), "unknown field `dtype`"),
    "too few numbers": bad(one(data=DATA[1:]), "has 16 elements; data holds 15"),
    "too many numbers": bad(one(data=[*DATA, 1]), "has 16 elements; data holds 17"),
    "a million numbers": bad(one(data=[0] * 1_000_000), "data holds 1000000"),
    "words for numbers": bad(one(data=["1"] * 16), "elements that are numbers"),
    "null among them": bad(one(data=[*DATA[1:], None]), "elements that are numbers"),
    "data that is an object": bad(one(data={"0": 1}), "a list"),
    "data too deep": bad(one(data=[[DATA]]), "elements"),
    "a ragged list": bad(one(shape=[2, 16], data=[DATA, DATA[1:]]), "data[1] holds 15"),
    "a negative dimension": bad(one(shape=[-1, 16]), "must be at least 1"),
    "no rows": bad(one(shape=[0, 16], data=[]), "must be at least 1"),
    "a dimension beyond 63 bits": bad(one(shape=[2**63, 16]), "a huge number"),
    "a dimension beyond 64 bits": bad(one(shape=[2**70, 16]), "a huge number"),
    "a dimension below 64 bits": bad(one(shape=[-(10**300), 16]), "a huge number"),
    "a product beyond 64 bits": bad(one(shape=[2**60, 16]), "a huge number of elements"),
    "three large dimensions": bad(one(shape=[65536, 65536, 65536]), "has 3"),
    "a thousand dimensions": bad(one(shape=[1] * 1000), "has 1000"),
    "a hundred thousand dimensions": bad(one(shape=[1] * 100_000), "has 100000"),
    "no dimensions": bad(one(shape=[]), "has 0"),
    "a dimension with a fraction": bad(one(shape=[1.5, 16]), "Expected `int`, got `float`"),
    "a dimension that is text": bad(one(shape=["1", 16]), "Expected `int`, got `str`"),
    "a shape that is a number": bad(one(shape=16), "Expected `array`, got `int`"),
    "an output that is none": bad(oip(INPUT, outputs=[{"name": "no"}]), "no output is called 'no'"),
    "an output twice": bad(oip(INPUT, outputs=[{"name": "scores"}] * 2), "asked for twice"),
    "an id that is no text": bad(oip(INPUT, id=[1]), "Expected `str | null`, got `array`"),
    "a memory of the machine": bad(
        one(data=[], parameters={"shared_memory_region": "/dev/shm/x"}), "shared memory is not supported"
    ),
}  # fmt: skip

BINARY = {
    "a size without the header": Case(sent(oip(INPUT | {"data": [], "parameters": {"binary_data_size": 64}})), 400),
    "a head longer than the body": binary(64, length=100_000)._replace(says="is 100000, the body has"),
    "a negative head": binary(64, length=b"-1")._replace(says="is '-1', expected a number of bytes"),
    "a head of no number": binary(64, length=b"ten")._replace(says="is 'ten'"),
    "a head in other digits": binary(64, length="²".encode("latin-1"))._replace(says="expected a number of bytes"),
    "a head of a hundred digits": binary(64, length=b"9" * 100)._replace(says="expected a number of bytes"),
    "no head at all": binary(64, length=b"")._replace(says="expected a number of bytes"),
    "a head of nothing": binary(64, length=0)._replace(says="no JSON"),
    "a head cut short": binary(64, length=20)._replace(says="no JSON"),
    "a head too long by one": binary(64, length=len(oip(described(64))) + 1)._replace(says="no JSON"),
    "too few bytes": binary(64, tail=RAW[1:])._replace(says="63 bytes are left in the body"),
    "too many bytes": binary(64, tail=RAW + b"x")._replace(says="the last 1 bytes of the body belong to no input"),
    "no bytes": binary(64, tail=b"")._replace(says="0 bytes are left in the body"),
    "a size that its shape denies": binary(60)._replace(says="is 64 bytes; 60 came"),
    "a size of nothing": binary(0)._replace(says="is 64 bytes; 0 came"),
    "a negative size": binary(-64)._replace(says="must be a whole number of bytes"),
    "a size with a fraction": binary(64.0)._replace(says="must be a whole number of bytes"),
    "a size that is text": binary("64")._replace(says="must be a whole number of bytes"),
    "a size that is true": binary(True)._replace(says="must be a whole number of bytes"),
    "a size that is null": binary(None)._replace(says="data is no JSON list"),
    "a size beyond 64 bits": binary(2**70)._replace(says="binary_data_size"),
    "a huge size": binary(2**62)._replace(says="64 bytes are left in the body"),
    "two that overlap": binary(64, 64)._replace(says="is given twice"),
    "a huge shape over few bytes": binary(64, shape=(2**60, 16))._replace(says="64 came"),
    "a shape of nothing over bytes": binary(64, shape=(0, 16))._replace(says="must be at least 1"),
    "data and bytes": Case(
        sent(one(parameters={"binary_data_size": 64}) + RAW, b"inference-header-content-length: %d" % len(
            one(parameters={"binary_data_size": 64}))), 400, "send one of them"),
}  # fmt: skip

BODIES = {
    f"{kind}: {name}": case
    for kind, cases in (("JSON", JSON), ("tensors", TENSORS), ("binary", BINARY))
    for name, case in cases.items()
}
