"""Does the line that `up` prints fit the service, so that it works as it stands?"""

from __future__ import annotations

import json
import math
import shlex

import pytest
from hypothesis import given
from hypothesis import strategies as st

from longspan.cli.sample import infer_line, natural_line

URL = "http://127.0.0.1:8080"
BESIDE = ["longspan.yaml", "flower.json", "steps.py"]


@pytest.mark.parametrize(
    ("ranges", "files", "line"),
    [
        (["application/json"], BESIDE, "curl -H 'content-type: application/json' --data-binary @flower.json {}"),
        (["image/*"], ["a/flower.png"], "curl -H 'content-type: image/png' --data-binary @a/flower.png {}"),
        (
            ["image/*", "*/*"],
            ["longspan.yaml", "page.png"],
            "curl -H 'content-type: image/png' --data-binary @page.png {}",
        ),
        (["*/*"], ["longspan.yaml"], "curl --data-binary @longspan.yaml {}"),
        (["text/*"], ["longspan.yaml"], "curl -H 'content-type: text/plain' --data-binary @longspan.yaml {}"),
        (["*/*"], ["my system.yaml"], "curl --data-binary '@my system.yaml' {}"),
        (["image/png"], BESIDE, "curl -H 'content-type: image/png' --data-binary @YOUR-FILE {}"),
    ],
)
def test_a_file_named_after_the_service_is_its_sample_else_any_file_that_it_takes(
    ranges: list[str], files: list[str], line: str
) -> None:
    assert natural_line(URL, "flower", ranges, files) == line.format(f"{URL}/v1/services/flower")


TENSORS = st.lists(
    st.fixed_dictionaries(
        {
            "name": st.text("abc'\" ", min_size=1),
            "datatype": st.sampled_from(["FP32", "INT64", "BOOL", "BYTES"]),
            "shape": st.lists(st.integers(-1, 4), max_size=3),
        }
    ),
    max_size=3,
)


@given(inputs=TENSORS)
def test_an_inference_of_zeros_has_the_shape_that_the_model_names(inputs: list[dict[str, object]]) -> None:
    words = shlex.split(infer_line(URL, "m", {"inputs": inputs}))
    assert words[0] == "curl"
    assert words[-1] == f"{URL}/v2/models/m/infer"
    sent = json.loads(words[words.index("-d") + 1])["inputs"]
    assert [(one["name"], one["datatype"]) for one in sent] == [(one["name"], one["datatype"]) for one in inputs]
    assert all(len(one["data"]) == math.prod(one["shape"]) for one in sent)


def test_a_tensor_that_nobody_would_type_is_asked_about_instead() -> None:
    image = {"inputs": [{"name": "image", "datatype": "FP32", "shape": [-1, 3, 224, 224]}]}
    assert infer_line(URL, "m", image) == f"curl {URL}/v2/models/m"
