"""What a worker is told: its orders, one small JSON file.

`Work` is what a unit does; its digest is the unit's identity: two units with the same digest answer
alike, so a replica survives a new generation that does not change its work. `Orders` adds who and
where: one replica in one slot. Paths are relative to the state folder, the worker's working directory.
"""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec

from longspan.base.signatures import Signature, TensorType

LEAST_CALL_BYTES = 64 << 20


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """Bounds of one service."""

    body_bytes: int = 16 << 20
    queue: int = 256
    """Requests that may wait; one more is answered 503 with Retry-After at once."""
    time_seconds: float = 30.0
    fan_out: int = 1024
    """Rows (`batch`) that a step may make of one request; more is refused with 413."""

    @property
    def call_bytes(self) -> int:
        """Largest body of a call to a step apart: what a step makes of a picture is larger than the picture."""
        return max(self.body_bytes, LEAST_CALL_BYTES)


class ModelWork(msgspec.Struct, frozen=True, kw_only=True):
    """A model that this unit holds, and whether it answers for it at ``/v2/models/NAME``."""

    name: str
    version: str
    threads: int
    digest: str
    signature: Signature
    answers: bool


class ServerWork(msgspec.Struct, frozen=True, kw_only=True):
    """A server of somebody else's, in any language, that runs a step: it speaks the Open Inference Protocol."""

    model: str
    """What the step is called there: ``/v2/models/MODEL``."""
    version: str = ""
    """With it ``/v2/models/MODEL/versions/VERSION``."""
    binary: bool = False
    """It takes and gives tensors as bytes (OIP's binary tensor data extension); else all goes as JSON."""
    command: tuple[str, ...] = ()
    """How each replica of it is started, in the code's folder; empty: it is there already, at `address`."""
    address: str = ""
    """Without a command: ``127.0.0.1:PORT`` or ``unix:PATH``."""
    port: bool = False
    """With a command: it listens on a loopback port that it is told (``{port}``), not on a socket (``{socket}``)."""

    @property
    def path(self) -> str:
        """What stands in a path of the server before ``/infer`` and ``/ready``."""
        return f"/v2/models/{self.model}" + (f"/versions/{self.version}" if self.version else "")

    @property
    def there(self) -> str:
        """Where a server that is there already listens: ``127.0.0.1:PORT``, or the absolute path of its socket; empty:
        it is started, and each replica listens where its slot says."""
        return "" if self.command else self.address.removeprefix("unix:")


class StepWork(msgspec.Struct, frozen=True, kw_only=True):
    """One step: a model of this unit (`model`), a Python callable (`run`), or the one and then the other.

    With both, `run` takes what the model gives, and whatever else it names. A step with a `unit` runs in another
    unit and is called through the egress socket; nothing of it is loaded here.
    """

    name: str
    model: str = ""
    run: str = ""
    """``module:attribute``: a callable, or a class that `settings` are given to once, at start."""
    unit: str = ""
    """The unit that runs this step, ``SERVICE.STEP``; empty: this one."""
    version: str = ""
    """What that unit answers to: a digest of the step's signature, so that no caller meets another signature."""
    foreign: bool = False
    """That unit is a server of somebody else's: its errors are told as they are, with the step's name."""
    binary: bool = True
    """Are tensors sent to that unit as bytes? Else as JSON."""
    when: str = ""
    """``step.output`` (BOOL [1]) or a bare name of the service's inputs: run only if true; after ``not ``: if false."""
    pad: dict[str, int] = {}
    """Free dimension of the inputs -> rows are padded with zeros to a multiple of this, and those alike share a run."""
    after: Signature | None = None
    """With both a model and `run`: what the callable itself takes and gives; `signature` is the whole step's."""
    settings: dict[str, Any] | None = None
    """The step's ``with:``. A value ``{"$env": "NAME"}`` stands for a secret handed over a descriptor."""
    repeatable: bool
    inputs: dict[str, str]
    """Input name -> where it comes from: ``step.output``, or a bare name of the service's inputs."""
    signature: Signature


class ServiceWork(msgspec.Struct, frozen=True, kw_only=True):
    """A graph of steps in an order in which they can run, callable at the gateway."""

    name: str
    version: str
    inputs: dict[str, TensorType]
    outputs: dict[str, str]
    """Output name -> ``step.output``."""
    steps: tuple[StepWork, ...]
    accepts: dict[str, str]
    """Media range (``*/*``, ``image/*``, ``text/plain``) -> the service input (BYTES [1]) it becomes."""
    answers: dict[str, str]
    """Media type -> the output it is made from; the first is the default."""
    limits: Limits
    internal: bool = False
    """A step apart, under the name of its unit: called through the egress socket, never by the outside."""


class Work(msgspec.Struct, frozen=True, kw_only=True):
    """What a unit does."""

    unit: str
    code: str = ""
    """Digest of the tree of step code in the vault; empty when every step is a model."""
    models: tuple[ModelWork, ...] = ()
    services: tuple[ServiceWork, ...] = ()
    limits: Limits = Limits()
    """For models that are called by themselves."""
    secrets: dict[str, str] = {}
    """Name of an environment variable -> HMAC of its value, so that a changed secret is changed work."""
    calls: tuple[str, ...] = ()
    """Units that steps of this one run in: they must be there before this unit is, and leave after it."""
    server: ServerWork | None = None
    """A unit of one step that runs in a server of somebody else's; it has no models, and its one service no code."""
    cpu: float = 0.0
    """Cores granted by ``resources:``; 0: nobody said."""

    def digest(self) -> str:
        """SHA-256 over the canonical JSON of the work.

        Keys are sorted in it, but the order of `answers` means something (the first is the default), so
        that order is digested beside it.
        """
        answers = [list(service.answers) for service in self.services]
        canonical = msgspec.json.encode((self, answers), order="deterministic")
        return hashlib.sha256(canonical).hexdigest()


class Orders(msgspec.Struct, frozen=True, kw_only=True):
    """One replica's orders. All paths are relative to the state folder."""

    replica: str
    generation: int
    slot: int
    digest: str
    """`work.digest()`, as control computed it."""
    work: Work
    code_path: str
    """Folder put first on the import path; empty without step code."""
    model_paths: dict[str, str]
    socket: str
    lock: str
    load: str
    graphs: str
    """Folder of onnxruntime's optimised graphs."""
    port: int = 0
    """The loopback port of a server that listens on one (`ServerWork.port`); it stays the slot's."""
    ids: str = ""
    """File where requests under way are noted (`wire.ids`), beside those of the unit's other slots; empty: nowhere."""
    egress: str = ""
    """Socket of the gateway through which other units are called; empty when this one calls none."""


class Identity(msgspec.Struct, frozen=True, kw_only=True):
    """What a worker answers at ``GET /-/replica`` on its own socket (never routed by the gateway)."""

    replica: str
    unit: str
    generation: int
    digest: str
    build: str
    pid: int
    state: str
    """``ready`` or ``draining`` (a worker that is starting has no socket yet)."""


class DescribeOrders(msgspec.Struct, frozen=True, kw_only=True):
    """What ``python -m longspan.serving describe`` is told."""

    code_path: str
    """The file's folder, put first on the import path; empty when no step runs code."""
    models: dict[str, str]
    """Model name -> path of its file."""
    runs: dict[str, str]
    """Key (``service.step``) -> ``module:attribute``."""
    progress: str = ""
    """A file in which stands what is being read, as a key of `Described.errors`: who is killed can tell nobody."""


class Described(msgspec.Struct, frozen=True, kw_only=True):
    """What it prints: for each model and each run step its signature, or what is wrong with it."""

    models: dict[str, Signature] = {}
    runs: dict[str, PartialSignature] = {}
    errors: dict[str, str] = {}
    """``model:NAME`` or ``run:KEY`` -> the problem in one line (an import that fails, no such attribute)."""


class PartialSignature(msgspec.Struct, frozen=True, kw_only=True):
    """What annotations tell: a None type is one that the file must declare."""

    inputs: dict[str, TensorType | None]
    outputs: dict[str, TensorType | None] | None
    """None: the return is not annotated, so the file must name the outputs."""
    call: str
    """``sync``, ``async`` or ``stream``."""
    settings: dict[str, bool] | None = None
    """For a class: parameter names of its constructor -> required. None for a plain callable."""
    optional: tuple[str, ...] = ()
    """Inputs annotated ``X | None``: None stands for what a step that was not run would have given."""


def decode_orders(text: bytes) -> Orders:
    """Orders of a worker. Raises `msgspec.DecodeError` when they are none, whatever the bytes are."""
    try:
        return msgspec.json.decode(text, type=Orders)
    except (UnicodeDecodeError, RecursionError) as error:
        raise msgspec.DecodeError(str(error)) from None
