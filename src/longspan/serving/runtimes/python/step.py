"""A Python step, ready to be called with tensors.

Whatever its code raises becomes a `RequestError` of status 500 that names the step and gives type and first line of
the exception, bounded and without paths; the exception itself is its cause, for the log. A step may raise a
`RequestError` of its own, which goes to the client as it is. Bytes that a client sent for a JSON or text input and that
are none are the client's: 400.
"""

from __future__ import annotations

import dataclasses
import inspect
import re
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing
from typing import Any

from longspan.base.errors import LongspanError, RequestError
from longspan.base.signatures import TensorType
from longspan.serving.forked import end_if_copy
from longspan.serving.runtimes import Runnable, hide, redact
from longspan.serving.runtimes.python.annotations import Callee, Slot, read
from longspan.serving.runtimes.python.resolve import resolve, words
from longspan.serving.runtimes.python.values import giver, kept, taker
from longspan.wire.orders import StepWork
from longspan.wire.tensors import Tensor, TensorError

_PATH = re.compile(r"(?:/[^\s/:'\"]+){2,}")
_FAILURES = (Exception, SystemExit, KeyboardInterrupt)
"""Of user code, and its own affair: the last two would end the loop when they come out of a task."""


def load(step: StepWork, secrets: dict[str, str]) -> Runnable:
    """Import the step, make it (a class is called with its settings, secrets in place) and wrap it.

    Raises `LongspanError`.
    """
    attribute = resolve(step.run)
    callee = read(step.run, attribute)
    if callee.settings is not None:
        attribute = _make(step, attribute, secrets)
    return Step(step, callee, attribute).runnable()


class Step:
    """One loaded step: tensors in, tensors out."""

    def __init__(self, step: StepWork, callee: Callee, function: Callable[..., Any]) -> None:
        self._step, self._callee, self._function = step, callee, function
        signature = step.signature
        for name in callee.inputs:
            if name not in signature.inputs:
                raise LongspanError(f"step {step.name!r} takes {name!r}, of which its orders say nothing", at=step.run)
        takers = [
            (name, taker(tensor, _slot(callee.inputs, name).form), "." not in step.inputs.get(name, name))
            for name, tensor in signature.inputs.items()
        ]
        self._takers = [one for one in takers if one[0] not in signature.optional]
        self._optional = [one for one in takers if one[0] in signature.optional]
        self._givers = {
            name: giver(f"output {name!r} of step {step.name!r}", tensor, _slot(callee.outputs, name).form)
            for name, tensor in signature.outputs.items()
        }
        required = {name: kind for name, kind in signature.inputs.items() if name not in signature.optional}
        self._dims = _shared_dims(required, signature.outputs)
        self._maybe = _shared_dims(signature.inputs, signature.outputs)

    def runnable(self) -> Runnable:
        """The step under its kind of call."""
        function: Callable[[dict[str, Any]], Any]
        match self._callee.call:
            case "sync":
                function = self.run
            case "async":
                function = self.run_async
            case "stream":
                function = self.stream
        return Runnable(self._step.name, self._callee.call, self._step.signature, function)

    def run(self, inputs: dict[str, Tensor]) -> dict[str, Tensor]:
        """Raises `RequestError`."""
        taken = self._take(inputs)
        try:
            value = self._function(**taken)
        except RequestError:
            raise
        except _FAILURES as error:
            raise self._failure(error) from error
        finally:
            end_if_copy()
        return kept(self._give(value, inputs))

    async def run_async(self, inputs: dict[str, Tensor]) -> dict[str, Tensor]:
        """Raises `RequestError`."""
        taken = self._take(inputs)
        try:
            value = await self._function(**taken)
        except RequestError:
            raise
        except _FAILURES as error:
            raise self._failure(error) from error
        finally:
            end_if_copy()
        return kept(self._give(value, inputs))

    async def stream(self, inputs: dict[str, Tensor]) -> AsyncIterator[dict[str, Tensor]]:
        """Closing this iterator closes the step's. Raises `RequestError`."""
        taken = self._take(inputs)
        try:
            iterator = self._function(**taken)
            if inspect.isawaitable(iterator):
                iterator = await iterator
            async with aclosing(_closable(iterator)) as values:
                async for value in values:
                    end_if_copy()
                    yield self._give(value, inputs)
        except RequestError:
            raise
        except _FAILURES as error:
            raise self._failure(error) from error
        finally:
            end_if_copy()

    def _take(self, inputs: dict[str, Tensor]) -> dict[str, Any]:
        taken: dict[str, Any] = {}
        takers = self._takers
        if self._optional:
            taken = {name: None for name, _, _ in self._optional}
            takers = takers + [one for one in self._optional if inputs.get(one[0]) is not None]
        for name, take, from_client in takers:
            try:
                taken[name] = take(inputs[name])
            except (ValueError, RecursionError) as error:
                tensor = self._step.signature.inputs[name]
                kind = "no UTF-8 text" if isinstance(error, UnicodeDecodeError) else "no JSON"
                text = f"input {name!r} of step {self._step.name!r} is {tensor}; what came is {kind}: {words(error)}"
                raise RequestError(400 if from_client else 500, text) from error
        return taken

    def _give(self, value: Any, inputs: dict[str, Tensor]) -> dict[str, Tensor]:
        dims = {dimension: inputs[name].shape[index] for dimension, (name, index) in self._dims.items()}
        if self._optional:
            dims |= {d: v.shape[i] for d, (name, i) in self._maybe.items() if (v := inputs.get(name)) is not None}
        try:
            given = self._named(value)
            return {name: give(given[name], dims) for name, give in self._givers.items()}
        except TensorError as error:
            raise RequestError(500, str(error)) from None
        except Exception as error:  # what was returned may run code of its own, such as __array__
            raise self._failure(error) from error

    def _named(self, value: Any) -> dict[str, Any]:
        """What was returned, by output. A dict, or an object of the class that the return is annotated with."""
        wanted = self._givers.keys()
        if self._callee.outputs is not None and not self._callee.fields and len(wanted) == 1:
            return dict.fromkeys(wanted, value)
        if isinstance(value, dict):
            named = value
        elif isinstance(value, tuple) and hasattr(value, "_fields"):
            named = dict(zip(value._fields, value, strict=True))
        elif dataclasses.is_dataclass(value) and not isinstance(value, type):
            named = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
        else:
            named = None
        if self._bare(named):
            return dict.fromkeys(wanted, value)
        if named is None or named.keys() != wanted:
            came = f"a {type(value).__name__}" if named is None else f"{', '.join(map(str, named)) or 'none'}"
            raise TensorError(f"step {self._step.name!r} gives the outputs {', '.join(wanted)}; it returned {came}")
        return named

    def _bare(self, named: dict[str, Any] | None) -> bool:
        """May an unannotated return be the one output itself? A dict may be JSON, but never a tensor."""
        if self._callee.fields or len(self._givers) != 1:
            return False
        (tensor,) = self._step.signature.outputs.values()
        return named is None or tensor.element == "json"

    def _failure(self, error: BaseException) -> RequestError:
        text = words(error)
        if isinstance(error, OSError) and error.strerror:
            text = f"{type(error).__name__}: {error.strerror}"
        text = _PATH.sub(lambda match: match[0].rpartition("/")[2], redact(text))
        return RequestError(500, f"step {self._step.name!r} failed: {text}")


async def _closable(iterator: Any) -> AsyncGenerator[Any, None]:
    """Any async iterable as a generator, which can be closed."""
    try:
        async for value in iterator:
            yield value
    finally:
        close = getattr(iterator, "aclose", None)
        if close is not None:
            await close()


def _slot(slots: dict[str, Slot] | None, name: str) -> Slot:
    return (slots or {}).get(name, Slot(None, ""))


def _shared_dims(inputs: dict[str, TensorType], outputs: dict[str, TensorType]) -> dict[str, tuple[str, int]]:
    """Dimension of an output -> where its size is found among the inputs. Of ragged ones only the rows have one."""
    wanted = {size for tensor in outputs.values() for size in tensor.shape if isinstance(size, str)}
    return {
        size: (name, index)
        for name, tensor in inputs.items()
        for index, size in enumerate(tensor.shape[:1] if tensor.ragged else tensor.shape)
        if isinstance(size, str) and size in wanted
    }


def _make(step: StepWork, factory: Callable[..., Any], secrets: dict[str, str]) -> Callable[..., Any]:
    settings = {name: _with_secrets(step, value, secrets) for name, value in (step.settings or {}).items()}
    try:
        made: Callable[..., Any] = factory(**settings)
    except (Exception, SystemExit) as error:
        raise LongspanError(f"step {step.name!r} could not be made: {redact(words(error))}", at=step.run) from error
    return made


def _with_secrets(step: StepWork, value: Any, secrets: dict[str, str]) -> Any:
    if isinstance(value, list):
        return [_with_secrets(step, part, secrets) for part in value]
    if not isinstance(value, dict):
        return value
    if value.keys() != {"$env"}:
        return {name: _with_secrets(step, part, secrets) for name, part in value.items()}
    name = value["$env"]
    if name not in secrets:
        raise LongspanError(f"step {step.name!r} needs the secret {name}, which was not handed over", at=step.run)
    hide(secrets[name])
    return secrets[name]
