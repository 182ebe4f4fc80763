"""Files that may be ONNX models: any bytes.

Held: `LongspanError`, or inputs and outputs of types that are served, each dimension with a name that the file of a
system may hold; never more of them than the file has bytes.
"""

from __future__ import annotations

import os
import re

import msgspec

from longspan.base.dtypes import BY_OIP
from longspan.base.errors import LongspanError
from longspan.base.signatures import Signature
from longspan.serving.runtimes.onnx.file import name_dimensions, read
from tests.fuzz.given import sound

_DIMENSION = re.compile(r"[a-z][a-z0-9_]{0,62}")


def run(data: bytes) -> None:
    """Raises when something that is held above does not."""
    descriptor = os.memfd_create("model")
    try:
        os.write(descriptor, data)
        inputs, outputs = read(f"/proc/self/fd/{descriptor}")
    except LongspanError as error:
        sound(str(error), data)
        return
    finally:
        os.close(descriptor)
    assert outputs
    assert len(inputs) + len(outputs) <= len(data)
    signature = name_dimensions(inputs, outputs)
    for name, tensor in (*signature.inputs.items(), *signature.outputs.items()):
        name.encode()
        assert tensor.dtype in BY_OIP
        for size in tensor.shape:
            assert size > 0 if isinstance(size, int) else _DIMENSION.fullmatch(size), f"dimension {size!r} of {name!r}"
    assert msgspec.json.decode(msgspec.json.encode(signature), type=Signature) == signature
