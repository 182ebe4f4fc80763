"""Steps apart for tests: the unit that runs one, and calls to it as another worker would make them.

In place of the gateway stands the callee's own socket, which speaks the same protocol.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import numpy as np
import pytest
import uvloop

from longspan.base.errors import RequestError
from longspan.serving.egress import Caller, Remote, remote
from longspan.serving.egress.verdict import Said
from longspan.wire.orders import Limits, ServiceWork, StepWork
from tests.serving.running import WITHIN, service, until

VERSION = "0123456789ab"
T = TypeVar("T")


def unit(step: StepWork, limits: Limits = Limits()) -> ServiceWork:
    """What the unit that runs `step` answers: its only service, internal."""
    return msgspec.structs.replace(
        service(f"graph.{step.name}", step, accepts={}, answers={}, limits=limits), version=VERSION, internal=True
    )


def apart(step: StepWork, **changes: Any) -> StepWork:
    """`step` as the orders of the entry unit have it."""
    return msgspec.structs.replace(step, **{"run": "", "unit": f"graph.{step.name}", "version": VERSION} | changes)


def calls(socket: Path, step: StepWork, use: Callable[[Remote, Caller], Awaitable[T]], limits: Limits = Limits()) -> T:
    """Call `step` (see `apart`) through `socket`, in a loop of its own, in time."""

    async def main() -> T:
        caller = Caller(str(socket), asyncio.get_running_loop())
        there = remote(step, service("graph", step, limits=limits), caller, outputs=tuple(step.signature.outputs))
        try:
            return await asyncio.wait_for(use(there, caller), WITHIN)
        finally:
            caller.close()

    return uvloop.run(main())


def call(socket: Path, step: StepWork, inputs: dict[str, Any], limits: Limits = Limits()) -> dict[str, Any]:
    """One call. Raises `RequestError`."""

    async def once(there: Remote, caller: Caller) -> dict[str, Any]:
        outputs: dict[str, Any] = await there.runnable.function(inputs)
        return outputs

    return calls(socket, step, once, limits)


def refusal(socket: Path, step: StepWork, inputs: dict[str, Any], limits: Limits = Limits()) -> RequestError:
    """The error of a call that must fail; it names the step, and no place of this machine."""
    with pytest.raises(RequestError) as caught:
        call(socket, step, inputs, limits)
    error = caught.value
    assert repr(step.name) in error.problem or error.status not in {500, 503, 504}
    assert str(socket.parent) not in error.problem
    assert error.status == 413 or isinstance(error.__cause__, Said), "what the log will say"
    assert error.status != 503 or error.retry_after_seconds == 1
    return error


async def seen(true: Callable[[], Any]) -> None:
    """Until that is so, without holding the loop."""
    await asyncio.to_thread(until, true, "what the test waits for")


def content(text: bytes) -> dict[str, Any]:
    """Inputs of a step that takes bytes."""
    array = np.empty(1, object)
    array[0] = text
    return {"content": array}
