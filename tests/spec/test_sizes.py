"""What is larger than a request may be can never be asked for, and is refused."""

from __future__ import annotations

import re
from typing import Any

import pytest

from longspan.base.errors import Invalid
from longspan.spec.fits import check
from longspan.spec.load import load_text
from tests.spec.files import as_flow
from tests.spec.notation import described


def must_fit(file: dict[str, Any], shape: str) -> None:
    """Prove a file whose model `big` takes this."""
    models = {"big": {"path": "big.onnx"}}
    loaded = load_text(as_flow({"system": {"name": "a"}, "models": models, **file}), "f")
    check(loaded, described(f"model big: x FP32[{shape}] -> y FP32[1]"))


@pytest.mark.parametrize(
    ("shape", "body", "said"),
    [
        ("65536, 65536, 64", "16MiB", "services.s.limits.body is 16MiB, and the smallest request holds 1TiB"),
        ("2, 1024, 1024, 5", "16MiB", "services.s.limits.body is 16MiB, and the smallest request holds 40MiB"),
        ("2, 1024, 1024, 5", "40MiB", ""),
        ("n, n", "1KiB", ""),
    ],
)
def test_a_service_that_no_request_could_be_made_for_is_refused(shape: str, body: str, said: str) -> None:
    file = {"services": {"s": {"limits": {"body": body}, "steps": {"a": {"model": "big"}}}}}
    if not said:
        must_fit(file, shape)
        return
    with pytest.raises(Invalid, match=re.escape(said)):
        must_fit(file, shape)


def test_a_model_by_itself_that_no_request_could_be_made_for_is_refused() -> None:
    with pytest.raises(Invalid, match="models.big.path takes 1GiB at least, and a request to it may hold 16MiB"):
        must_fit({}, "256, 1024, 1024")
