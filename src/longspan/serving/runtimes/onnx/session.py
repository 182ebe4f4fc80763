"""An onnxruntime session, ready to run: quiet, frugal, and quick to make again.

What onnxruntime makes of a model (fused operators, layouts for this processor) is kept in the graphs folder and loaded
as it is the next time. The name of such a file holds the model's digest, onnxruntime's version and the processor, so
another of either never finds it; it is written under another name and renamed, and one that does not load is made
again. Threads do not spin while they wait: an idle service must look idle.
"""

from __future__ import annotations

import hashlib
import os
import platform
import re
from collections.abc import Callable
from contextlib import suppress
from typing import Any, NoReturn

import numpy as np
import onnxruntime
from onnxruntime.capi import onnxruntime_pybind11_state

from longspan.base.errors import LongspanError, RequestError
from longspan.serving.runtimes import Runnable
from longspan.serving.runtimes.onnx.bound import bind
from longspan.wire.orders import ModelWork
from longspan.wire.tensors import Tensor

onnxruntime.disable_telemetry_events()
onnxruntime.set_default_logger_severity(4)

_ERRORS: tuple[type[Exception], ...] = (
    RuntimeError,
    TypeError,
    ValueError,
    *(
        kind
        for kind in vars(onnxruntime_pybind11_state).values()
        if isinstance(kind, type) and issubclass(kind, Exception)
    ),
)
_PROVIDERS = ["CPUExecutionProvider"]
_PREAMBLE = re.compile(r"^\[ONNXRuntimeError\] : \d+ : [A-Z_]+ : (?:Load model from .*? failed: ?)?")
_TOO_NEW = re.compile(r"Opset (\d+) is under development.*domain (\S+) is till opset (\d+)")
_PATH = re.compile(r"(?:/[^\s/:'\"]+){2,}")
_PLACE = re.compile(r"\b\w+\.(?:cc|h|cpp):\d+ ")
"""Where in its own source onnxruntime noticed it; the name of the function follows, with its arguments."""
_UNKNOWN = re.compile(r"No opset import for domain|is not a registered function/op|No Op registered for")
_OPERATORS = "Its operators must be onnxruntime's own; what needs others runs in a server of its own (command:)"
_LONGEST = 300


def load(model: ModelWork, path: str, graphs_folder: str) -> Runnable:
    """A session ready to run. Raises `LongspanError` when the file is no model that onnxruntime can run."""
    try:
        session = _cached(model, path, graphs_folder)
    except LongspanError as error:
        raise LongspanError(error.problem, at=f"model {model.name!r}", remedy=error.remedy) from None
    return Runnable(model.name, "sync", model.signature, _runner(model, session))


def metadata(path: str) -> tuple[list[tuple[str, str, list[Any]]], list[tuple[str, str, list[Any]]]]:
    """(name, ONNX type, shape) of inputs and outputs as onnxruntime infers them. Raises `LongspanError`."""
    session = _session(path, _options(1, optimise=False))
    return (
        [(value.name, value.type, value.shape) for value in session.get_inputs()],
        [(value.name, value.type, value.shape) for value in session.get_outputs()],
    )


def graph_name(digest: str) -> str:
    """File name of an optimised graph on this machine."""
    return f"{digest}-{onnxruntime.__version__}-{_processor()}.onnx"


def _cached(model: ModelWork, path: str, graphs_folder: str) -> onnxruntime.InferenceSession:
    graph = os.path.join(graphs_folder, graph_name(model.digest))
    if os.path.exists(graph):
        try:
            return _session(graph, _options(model.threads, optimise=False))
        except LongspanError:
            with suppress(FileNotFoundError):
                os.unlink(graph)
    unfinished = f"{graph}.{os.getpid()}"
    options = _options(model.threads, optimise=True)
    options.optimized_model_filepath = unfinished
    try:
        try:
            os.makedirs(graphs_folder, exist_ok=True)
            session = _session(path, options)
            _keep(unfinished, graph)
        except OSError:
            # A full or read-only disk costs the next start some time; it is no reason not to serve.
            session = _session(path, _options(model.threads, optimise=True))
    finally:
        if os.path.exists(unfinished):
            os.unlink(unfinished)
    return session


def _keep(unfinished: str, graph: str) -> None:
    descriptor = os.open(unfinished, os.O_RDONLY)
    try:
        os.fsync(descriptor)  # else a power cut may leave the new name with old or no bytes
    finally:
        os.close(descriptor)
    os.replace(unfinished, graph)


def _session(path: str, options: Any) -> onnxruntime.InferenceSession:
    try:
        return onnxruntime.InferenceSession(path, options, providers=_PROVIDERS)
    except _ERRORS as error:
        remedy = _OPERATORS if _UNKNOWN.search(str(error)) else ""
        raise LongspanError(f"cannot be loaded by onnxruntime: {_words(error)}", remedy=remedy) from None


def _options(threads: int, *, optimise: bool) -> Any:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    options.log_severity_level = 4
    levels = onnxruntime.GraphOptimizationLevel
    options.graph_optimization_level = levels.ORT_ENABLE_ALL if optimise else levels.ORT_DISABLE_ALL
    for pool in ("intra_op", "inter_op"):
        options.add_session_config_entry(f"session.{pool}.allow_spinning", "0")
    return options


def _runner(
    model: ModelWork, session: onnxruntime.InferenceSession
) -> Callable[[dict[str, Tensor]], dict[str, Tensor]]:
    """The model as a function of its inputs.

    `InferenceSession.run` first asks of each input whether it is there and whether it is a device value, which the
    orders have settled; the call below it saves 1 us of 7 on a tiny model. Handing it run options saves another 0.7,
    which it would else make anew each time.
    """
    names = list(model.signature.outputs)
    run = getattr(getattr(session, "_sess", None), "run", None) or session.run
    options = onnxruntime.RunOptions()
    options.log_severity_level = 4
    text_in = [name for name, tensor in model.signature.inputs.items() if tensor.dtype == "BYTES"]
    text_out = [name for name, tensor in model.signature.outputs.items() if tensor.dtype == "BYTES"]

    def function(inputs: dict[str, Tensor]) -> dict[str, Tensor]:
        try:
            return dict(zip(names, run(names, inputs, options), strict=True))
        except _ERRORS as error:
            _fail(model.name, error)

    def with_text(inputs: dict[str, Tensor]) -> dict[str, Tensor]:
        inputs = inputs | {name: _to_text(model.name, name, inputs[name]) for name in text_in}
        outputs = function(inputs)
        return outputs | {name: _to_bytes(outputs[name]) for name in text_out}

    return with_text if text_in or text_out else bind(session, model.signature, options, function)


def _fail(name: str, error: Exception) -> NoReturn:
    raise RequestError(500, f"model {name!r} failed: {_words(error)}") from error


def _to_text(model: str, name: str, array: Tensor) -> Tensor:
    """onnxruntime's strings are UTF-8: elements become `str`."""
    text = np.empty(array.size, object)
    try:
        text[:] = [element if isinstance(element, str) else element.decode() for element in array.ravel().tolist()]
    except UnicodeDecodeError:
        raise RequestError(
            400, f"input {name!r} of model {model!r} takes text; the bytes that came are no UTF-8"
        ) from None
    return text.reshape(array.shape)


def _to_bytes(array: Tensor) -> Tensor:
    content = np.empty(array.size, object)
    content[:] = [element.encode() if isinstance(element, str) else element for element in array.ravel().tolist()]
    return content.reshape(array.shape)


def _words(error: Exception) -> str:
    """The error in one bounded line, without paths of this machine."""
    line = _without_places(_PREAMBLE.sub("", str(error)).strip().partition("\n")[0])
    if new := _TOO_NEW.search(line):
        line = f"it is of opset {new[1]} of {new[2]}; {onnxruntime.__version__} knows those up to {new[3]}"
    return _PATH.sub(lambda match: match[0].rpartition("/")[2], line)[:_LONGEST]


def _without_places(line: str) -> str:
    """Without the names of onnxruntime's own functions: a signature of C++ ends where its brackets are closed."""
    while place := _PLACE.search(line):
        at = line.find("(", place.end())
        depth = 1 if at >= 0 else 0
        while depth and at + 1 < len(line):
            at += 1
            depth += {"(": 1, ")": -1}.get(line[at], 0)
        end = place.end() if depth or at < 0 else at + 1
        line = line[: place.start()] + line[end:].removeprefix(" const").lstrip()
    return line


def _processor() -> str:
    """Twelve digits that differ where the processor's kind or abilities do."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as file:
            first = file.read(1 << 16).partition("\n\n")[0]
    except OSError:
        first = platform.processor()
    kept = [line for line in first.splitlines() if line.startswith(("model name", "flags", "Features", "CPU "))]
    return hashlib.sha256("\n".join([platform.machine(), *kept]).encode()).hexdigest()[:12]
