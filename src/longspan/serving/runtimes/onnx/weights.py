"""Does a model keep all its weights in its own file?

A tensor may name another file to read its elements from: an absolute one, or one outside of the model's folder. Even an
honest one would stay behind when the model is copied to where it is served from. So none is allowed, wherever in the
model it stands: among the weights, or inside of a node, or of a graph within a node.

Source: ONNX IR specification, onnx.proto (`TensorProto.data_location`, `AttributeProto`).
"""

from __future__ import annotations

from mmap import mmap

from longspan.base.errors import LongspanError
from longspan.serving.runtimes.onnx.protobuf import Span, fields, parts, text

MOST_DEPTH = 100
"""Graphs within graphs: as deep as protocol buffers are read by default."""

_MAIN, _FUNCTION = 7, 25
"""Of a model: its graph, and operators that are made of others."""
_NODE_OF_FUNCTION = 7
_NODE, _WEIGHT, _SPARSE = 1, 5, 15
"""Of a graph."""
_ATTRIBUTE = 5
"""Of a node."""
_TENSOR, _GRAPH, _TENSORS, _GRAPHS, _SPARSE_TENSOR, _SPARSE_TENSORS = 5, 6, 10, 11, 22, 23
"""Of an attribute."""
_EXTERNAL = 1


def must_be_inside(content: mmap, model: Span) -> None:
    """Raises `LongspanError` when a tensor of the model is in another file, `ValueError` on malformed bytes."""
    # A list, not recursion: the depth is somebody else's choice.
    todo = []
    for number, part in parts(content, model, _MAIN, _FUNCTION):
        if number == _MAIN:
            todo.append((part, 0))
            continue
        for _, node in parts(content, part, _NODE_OF_FUNCTION):
            todo += [(inner, 1) for inner in _of_node(content, node)]
    while todo:
        span, depth = todo.pop()
        if depth > MOST_DEPTH:
            raise LongspanError(f"nests graphs more than {MOST_DEPTH} deep", remedy="Export it again")
        for number, part in parts(content, span, _NODE, _WEIGHT, _SPARSE):
            if number == _WEIGHT:
                _must_hold(content, part)
            elif number == _SPARSE:
                _sparse(content, part)
            else:
                todo += [(inner, depth + 1) for inner in _of_node(content, part)]


def name(content: mmap, tensor: Span) -> str:
    """Of a tensor."""
    return next((text(content, part) for _, part in parts(content, tensor, 8)), "")


def _of_node(content: mmap, node: Span) -> list[Span]:
    """The graphs within it; its tensors are looked at."""
    graphs = []
    for _, attribute in parts(content, node, _ATTRIBUTE):
        for number, part in parts(
            content, attribute, _TENSOR, _GRAPH, _TENSORS, _GRAPHS, _SPARSE_TENSOR, _SPARSE_TENSORS
        ):
            if number in (_GRAPH, _GRAPHS):
                graphs.append(part)
            elif number in (_TENSOR, _TENSORS):
                _must_hold(content, part)
            else:
                _sparse(content, part)
    return graphs


def _sparse(content: mmap, tensor: Span) -> None:
    """Its values and its indices are tensors."""
    for _, part in parts(content, tensor, 1, 2):
        _must_hold(content, part)


def _must_hold(content: mmap, tensor: Span) -> None:
    if any(number == 14 and part == _EXTERNAL for number, part in fields(content, tensor)):
        raise LongspanError("keeps its weights in another file", remedy="Save the model with its weights in one file")
