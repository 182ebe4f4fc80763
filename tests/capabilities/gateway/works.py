"""Works and wishes that the gateway's tests share."""

from __future__ import annotations

from msgspec.structs import replace

from longspan.base.signatures import Signature, TensorType
from longspan.system.records import Cors, Endpoint, GatewayWanted
from longspan.wire.orders import Limits, ModelWork, ServerWork, ServiceWork, StepWork, Work

VERSION = "0.1.0"
_TENSOR = {"x": TensorType("FP32", ("batch", 16))}


def step(name: str, *, repeatable: bool = True, call: str = "sync") -> StepWork:
    signature = Signature(_TENSOR, _TENSOR, call)  # type: ignore[arg-type]
    return StepWork(name=name, run=f"steps:{name}", repeatable=repeatable, inputs={}, signature=signature)


def work(name: str, *steps: StepWork, body_bytes: int = 16 << 20, seconds: float = 30.0) -> Work:
    """A unit that answers for one service of its own name."""
    service = ServiceWork(
        name=name,
        version="1",
        inputs=_TENSOR,
        outputs={},
        steps=steps or (step("work"),),
        accepts={},
        answers={},
        limits=Limits(body_bytes=body_bytes, time_seconds=seconds),
    )
    return Work(unit=name, services=(service,))


def model(name: str) -> Work:
    """A unit that holds one model and answers for it."""
    held = ModelWork(
        name=name, version="1", threads=1, digest="0" * 64, signature=Signature(_TENSOR, _TENSOR), answers=True
    )
    return Work(unit=name, models=(held,))


def apart(unit: str, *, version: str = "a1", repeatable: bool = True, seconds: float = 30.0) -> Work:
    """A unit that runs one step of a service, called by other units only; with a model that the outside may ask."""
    name = unit.partition(".")[2]
    service = ServiceWork(
        name=unit,
        version=version,
        inputs=_TENSOR,
        outputs={},
        steps=(step(name, repeatable=repeatable),),
        accepts={},
        answers={},
        limits=Limits(time_seconds=seconds),
        internal=True,
    )
    return Work(unit=unit, services=(service,), models=model(name).models)


def foreign(unit: str, server: ServerWork, *, version: str = "a1", repeatable: bool = False) -> Work:
    """A unit of one step that runs in a server of somebody else's."""
    return replace(apart(unit, version=version, repeatable=repeatable), models=(), server=server)


def endpoint(unit: str, slot: int = 0, version: str = "", *, at: str = "", path: str = "") -> Endpoint:
    return Endpoint(unit, slot, at or f"run/{unit}/{slot}.sock", version, path)


def wanted(
    *works: Work, endpoints: tuple[Endpoint, ...] = (), port: int = 8080, cors: Cors | None = None
) -> GatewayWanted:
    return GatewayWanted(port=port, works=works, endpoints=endpoints, cors=cors)
