"""The folder of the file, the child that describes its steps, and the secrets' key.

`Folder` reads what people edit; nothing here remembers anything but the key of the secrets' HMACs.
"""

from __future__ import annotations

import hashlib
import hmac
import importlib.metadata
import importlib.util
import os
import secrets
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path, PurePosixPath

import msgspec

from longspan.base.errors import Complaint, Invalid, Missing, Refused
from longspan.capabilities.generations.run import Prepared
from longspan.spec.fits import check
from longspan.spec.load import Loaded, load_text
from longspan.spec.models import Model
from longspan.spec.secrets import names as secret_names
from longspan.spec.system import System
from longspan.spec.units import ModelPin, Pins, Unit, describe_orders, units
from longspan.system.children import in_memory, passed_on
from longspan.system.records import Accepted
from longspan.system.vault import Tree, Vault, digest_file, survey
from longspan.wire.orders import Described

_DESCRIBE_SECONDS = 60
_FILE_LIMIT_BYTES = 1 << 20
_KEY_BYTES = 32
_AT_HAND = 8


class Folder:
    """The file, the folder it stands in, and what its steps need from this machine."""

    def __init__(self, file: Path, state: Path, environment: Mapping[str, str]) -> None:
        self.file, self._state, self._environment = file, state, environment

    def load(self) -> Loaded:
        """The file with its positions. Raises `Invalid` with every complaint, `Missing` without a file."""
        try:
            content = self.file.read_bytes()
        except OSError as error:
            raise Missing(f"cannot be read ({error.strerror})", at=self.file.name) from error
        if len(content) > _FILE_LIMIT_BYTES:
            raise Invalid((Complaint(self.file.name, 0, 0, "", "is over 1 MiB"),))
        try:
            return load_text(content.decode(), self.file.name)
        except UnicodeDecodeError as error:
            line = content.count(b"\n", 0, error.start) + 1
            raise Invalid((Complaint(self.file.name, line, 1, "", "is not UTF-8", "Save it as UTF-8"),)) from error

    def survey(self, loaded: Loaded, models: Mapping[str, Path]) -> Tree | None:
        """The step code beside the file; None when every step is a model."""
        if not any(step.run for service in loaded.system.services.values() for step in service.steps.values()):
            return None
        return survey(
            self.file.parent,
            leave_out={self.file, self._state, *models.values()},
            limit_bytes=loaded.system.system.code_limit,
        )

    def models(self, loaded: Loaded) -> dict[str, Path]:
        """Where each model's file is. Raises `Invalid` naming those that are not there."""
        found, complaints = {}, []
        for name, model in loaded.system.models.items():
            try:
                found[name] = _locate(model, self.file.parent)
            except Missing as error:
                complaints.append(loaded.complaint(("models", name, "path"), error.problem, error.remedy))
        if complaints:
            raise Invalid(tuple(complaints))
        return found

    def describe(self, loaded: Loaded, models: Mapping[str, Path]) -> Described:
        """Signatures of all models and steps, read by a child that is bounded in time and memory."""
        paths = {name: str(path.resolve()) for name, path in models.items()}
        orders = describe_orders(loaded.system, code_path=str(self.file.parent.resolve()), model_paths=paths)
        descriptor = in_memory(msgspec.json.encode(orders))
        try:
            done = subprocess.run(
                [sys.executable, "-P", "-B", "-m", "longspan.serving", "describe", f"/proc/self/fd/{descriptor}"],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                check=False,
                timeout=_DESCRIBE_SECONDS,
                cwd=self.file.parent,
                pass_fds=(descriptor,),
                env=passed_on(self._environment, secret_names(loaded.system)),
            )
        except subprocess.TimeoutExpired as error:
            raise Refused(
                f"importing the steps took longer than {_DESCRIBE_SECONDS} s",
                at=self.file.name,
                remedy="Do at import only what defines the steps; load and connect in a step's class",
            ) from error
        finally:
            os.close(descriptor)
        if done.returncode != 0:
            last = done.stderr.decode(errors="replace").strip().splitlines()[-1:] or ["no message"]
            raise Refused(
                f"describing the steps ended with {_ended(done.returncode)}: {last[0][:300]}",
                at=self.file.name,
                remedy="Import the step modules by hand to see more",
            )
        return msgspec.json.decode(done.stdout, type=Described)

    def prove(self) -> tuple[Loaded, dict[str, Path], Described]:
        """Load, locate, describe, and prove that the steps fit. Raises `Invalid` with every complaint."""
        loaded = self.load()
        models = self.models(loaded)
        described = self.describe(loaded, models)
        check(loaded, described)
        return loaded, models, described


class Generations:
    """What the corridor of generations sees (`run.See`)."""

    def __init__(
        self,
        folder: Folder,
        vault: Vault,
        key: bytes,
        environment: Mapping[str, str],
        *,
        last_log: Callable[[str, int], tuple[str, ...]],
        claim_port: Callable[[int], None],
    ) -> None:
        """`claim_port` raises when the gateway could not listen there."""
        self._folder, self._vault, self._key, self._environment = folder, vault, key, environment
        self.last_log, self._claim_port = last_log, claim_port
        self._units: tuple[tuple[Accepted, tuple[Unit, ...]], ...] = ()

    def prepare(self) -> Prepared:
        """Read, prove and pin the file; `keep` copies into the vault."""
        loaded, paths, described = self._folder.prove()
        tree = self._folder.survey(loaded, paths)
        accepted = Accepted(
            system=loaded.system.canonical(),
            described=described,
            pins=Pins(
                code=tree.digest() if tree else "",
                files=tree.files if tree else {},
                models=_pinned(loaded, paths),
                secrets=self._secrets(loaded.system),
            ),
        )

        def keep() -> None:
            self._claim_port(loaded.system.gateway.port)
            if tree is not None:
                self._vault.keep_code(self._folder.file.parent, tree)
            for name, pin in accepted.pins.models.items():
                self._vault.keep_model(paths[name], pin.digest)

        return Prepared(accepted, keep)

    def again(self, accepted: Accepted) -> Accepted:
        """An accepted system with the secrets' values of today."""
        system = System.from_canonical(accepted.system)
        self._claim_port(system.gateway.port)
        pins = msgspec.structs.replace(accepted.pins, secrets=self._secrets(system))
        return msgspec.structs.replace(accepted, pins=pins)

    def units(self, accepted: Accepted) -> tuple[Unit, ...]:
        """The units of an accepted system; those of the last few are kept at hand, since every trip asks."""
        for known, found in self._units:
            if known is accepted:
                return found
        found = units(System.from_canonical(accepted.system), accepted.described, accepted.pins)
        # Replaced, never changed: the API's threads ask as well.
        self._units = ((accepted, found), *self._units[: _AT_HAND - 1])
        return found

    def _secrets(self, system: System) -> dict[str, str]:
        names = secret_names(system)
        if missing := [name for name in names if name not in self._environment]:
            raise Refused(
                f"the environment of control has no {', '.join(missing)}",
                at="${env:NAME}",
                remedy="Export it where longspan up is called; control reads it when it starts",
            )
        return {name: f"hmac:{self._tag(name)}" for name in names}

    def _tag(self, name: str) -> str:
        return hmac.new(self._key, f"{name}={self._environment[name]}".encode(), hashlib.sha256).hexdigest()


def secrets_key(path: Path) -> bytes:
    """The key of the secrets' HMACs: 32 random bytes, made once, mode 0600."""
    if not path.exists():
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        os.write(descriptor, secrets.token_bytes(_KEY_BYTES))
        os.close(descriptor)
    return path.read_bytes()


def _locate(model: Model, folder: Path) -> Path:
    if model.package is None:
        file = folder / model.path
        if not file.is_file():
            raise Missing("is no file beside longspan.yaml", remedy="Give a path relative to the folder of the file")
        return file
    package, inside = model.package
    spec = importlib.util.find_spec(package) if package.isidentifier() else None
    if spec is None or not spec.submodule_search_locations:
        raise Missing(f"names the package {package}, which is not installed", remedy=f"pip install {package}")
    for root in spec.submodule_search_locations:
        file = Path(root, *PurePosixPath(inside).parts)
        if file.is_file():
            return file
    raise Missing(f"names a file that the installed package {package} does not hold")


def _pinned(loaded: Loaded, paths: Mapping[str, Path]) -> dict[str, ModelPin]:
    pins, complaints = {}, []
    for name, model in loaded.system.models.items():
        package, version = _package(model)
        digest = digest_file(paths[name])
        pins[name] = ModelPin(
            digest=digest, size_bytes=paths[name].stat().st_size, package=package, package_version=version
        )
        if model.pinned is not None and model.pinned != digest:
            remedy = f"The file is sha256:{digest}: pin that if it is the one you want"
            problem = "is not the digest of the model's file"
            complaints.append(loaded.complaint(("models", name, "digest"), problem, remedy))
        if model.package_version and model.package_version != version:
            remedy = f"pip install {package}=={model.package_version}, or pin {version}"
            problem = f"is {model.package_version}, but {version} is installed"
            complaints.append(loaded.complaint(("models", name, "package_version"), problem, remedy))
    if complaints:
        raise Invalid(tuple(complaints))
    return pins


def _package(model: Model) -> tuple[str, str]:
    if model.package is None:
        return "", ""
    names: Sequence[str] = importlib.metadata.packages_distributions().get(model.package[0], [model.package[0]])
    return names[0], importlib.metadata.version(names[0])


def _ended(code: int) -> str:
    return f"signal {-code}" if code < 0 else f"exit code {code}"
