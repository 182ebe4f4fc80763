"""The Python steps around the two models: what they should look at, and what their answers mean."""

from __future__ import annotations

from importlib.metadata import distribution
from typing import Annotated, TypedDict

import cv2
import numpy as np
import onnxruntime
import picture as pictures
import reading
import regions
from numpy.typing import NDArray

from longspan import Json, RequestError, Shape

SURE = 0.5
"""The least confidence of a line that is told."""
MOST_COLUMNS = 200_000
"""Columns of pixels of all crops of one picture: about 115 MB."""

# A replica is given cores, and threads follow them: OpenCV would take all there are.
cv2.setNumThreads(1)


class Prepared(TypedDict):
    """What `prepare` gives on: the detection model's input, and the picture for cutting."""

    x: Annotated[NDArray[np.float32], Shape("batch", 3, "height", "width")]
    picture: Annotated[NDArray[np.uint8], Shape("rows", "columns", 3)]
    size: Annotated[NDArray[np.int64], Shape(2)]


class Cut(TypedDict):
    """What `cut` gives on: the regions one by one, and where each stands."""

    crops: Annotated[list[NDArray[np.float32]], Shape("batch", 3, 48, "~width")]
    boxes: Annotated[NDArray[np.float32], Shape("batch", 4, 2)]
    turns: Annotated[NDArray[np.int8], Shape("batch")]


class Read(TypedDict):
    """What `Letters` gives on, row by row."""

    text: Annotated[list[str], Shape("batch")]
    confidence: Annotated[NDArray[np.float32], Shape("batch")]


def prepare(content: bytes) -> Prepared:
    """The picture in a file, upright, and what the detection model takes; `size` is its own width and height."""
    pixels, size = pictures.read(content)
    return {"x": pictures.for_detection(pixels), "picture": pixels, "size": np.array(size, np.int64)}


def cut(
    probability: Annotated[NDArray[np.float32], Shape("pictures", 1, "map_rows", "map_columns")],
    picture: Annotated[NDArray[np.uint8], Shape("rows", "columns", 3)],
    size: Annotated[NDArray[np.int64], Shape(2)],
) -> Cut:
    """The regions with text, laid straight, 48 pixels high; `boxes` are in the picture's own pixels.

    Text on its side may run down or up: such a region comes twice, turned either way, and `assemble` keeps
    what was read with more confidence. `turns` says how each is taken to run (`reading`).
    """
    rows, columns = picture.shape[:2]
    scale = size / (columns, rows)
    crops: list[NDArray[np.float32]] = []
    boxes: list[NDArray[np.float64]] = []
    turns: list[int] = []
    total = 0
    for region in regions.find(probability[0, 0], rows, columns):
        laid = regions.straight(picture, region)
        for turn in (reading.DOWN, reading.UP) if region.tall else (reading.UPRIGHT,):
            upright = np.ascontiguousarray(np.rot90(laid, turn))
            crops.append(pictures.normalised(regions.to_height(upright)))
            boxes.append(np.clip(region.corners() * scale, 0, size))
            turns.append(turn)
            total += crops[-1].shape[2]
        if total > MOST_COLUMNS:
            raise RequestError(413, "the picture holds more text than is read at once; send parts of it")
    return {
        "crops": crops,
        "boxes": np.array(boxes, np.float32).reshape(-1, 4, 2),
        "turns": np.array(turns, np.int8),
    }


class Letters:
    """What the recognition model's scores say: at each place the likeliest letter, repetitions and blanks left out.

    Source: Graves et al., Connectionist Temporal Classification, ICML 2006 (best path decoding).
    """

    def __init__(self, package: str = "rapidocr", file: str = "rapidocr/models/PP-OCRv6_rec_small.onnx") -> None:
        """The letters stand in the model's file, one a line, behind the blank and before the space."""
        options = onnxruntime.SessionOptions()
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
        path = str(distribution(package).locate_file(file))
        metadata = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"]).get_modelmeta()
        self._letters = np.array(["", *metadata.custom_metadata_map["character"].split("\n"), " "], object)

    def __call__(self, fetch_name_0: Annotated[NDArray[np.float32], Shape("batch", "places", 18710)]) -> Read:
        """Text and confidence of each row: the mean of its letters' scores; 0 where nothing was read."""
        best = fetch_name_0.argmax(2)
        scores = np.take_along_axis(fetch_name_0, best[:, :, np.newaxis], 2)[:, :, 0]
        kept = best != 0
        kept[:, 1:] &= best[:, 1:] != best[:, :-1]
        text = ["".join(self._letters[row[keep]]) for row, keep in zip(best, kept, strict=True)]
        means = [float(row[keep].mean()) if keep.any() else 0.0 for row, keep in zip(scores, kept, strict=True)]
        return {"text": text, "confidence": np.array(means, np.float32)}


def assemble(
    text: Annotated[list[str], Shape("batch")],
    confidence: Annotated[NDArray[np.float32], Shape("batch")],
    boxes: Annotated[NDArray[np.float32], Shape("batch", 4, 2)],
    turns: Annotated[NDArray[np.int8], Shape("batch")],
) -> Json:
    """The lines in reading order: text, confidence, and the corners in the picture, clockwise from the upper left.

    Left out is what was read with little confidence, and of what came turned either way the less sure one.
    """
    best: dict[bytes, int] = {}
    for row, box in enumerate(boxes):
        place = box.tobytes()
        sure = confidence[row] >= SURE and text[row].strip()
        if sure and (place not in best or confidence[row] > confidence[best[place]]):
            best[place] = row
    rows = list(best.values())
    rows = [rows[place] for place in reading.in_order(boxes[rows], turns[rows])]
    lines = [
        {
            "text": text[row].strip(),
            "confidence": round(float(confidence[row]), 4),
            "box": np.rint(boxes[row]).astype(int).tolist(),
        }
        for row in rows
    ]
    return {"text": "\n".join(text[row].strip() for row in rows), "lines": lines}
