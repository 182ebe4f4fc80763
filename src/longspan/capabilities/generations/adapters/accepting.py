"""What the corridor of generations sees: the file made ready to be accepted, and the units of what was.

Nothing here remembers anything but the key of the secrets' HMACs, and the units of the last few systems.
"""

from __future__ import annotations

import hashlib
import hmac
import importlib.metadata
import secrets
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from longspan.base.errors import Invalid, Refused
from longspan.capabilities.generations.adapters.folder import Folder
from longspan.capabilities.generations.adapters.machine import machine
from longspan.capabilities.generations.run import Machine, Prepared
from longspan.spec.load import Loaded
from longspan.spec.models import Model
from longspan.spec.secrets import names as secret_names
from longspan.spec.system import System
from longspan.spec.units import ModelPin, Pins, Unit, units
from longspan.system.records import Accepted
from longspan.system.vault import Vault, digest_file

_KEY_BYTES = 32
_AT_HAND = 8


class _Made(NamedTuple):
    """What an accepted system is made into."""

    accepted: Accepted
    units: tuple[Unit, ...]
    most: Mapping[str, int]


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
        self._at_hand: tuple[_Made, ...] = ()

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
        """The units of an accepted system."""
        return self._made(accepted).units

    def most(self, accepted: Accepted) -> Mapping[str, int]:
        """Those of them that scale, each with the most replicas that it may have."""
        return self._made(accepted).most

    def _made(self, accepted: Accepted) -> _Made:
        # Those of the last few are kept at hand, since every trip asks.
        for made in self._at_hand:
            if made.accepted is accepted:
                return made
        system = System.from_canonical(accepted.system)
        made = _Made(accepted, units(system, accepted.described, accepted.pins), _most(accepted.system))
        # Replaced, never changed: the API's threads ask as well.
        self._at_hand = (made, *self._at_hand[: _AT_HAND - 1])
        return made

    def machine(self) -> Machine:
        """What this machine has for all units together."""
        return machine()

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
    """The key of the secrets' HMACs: 32 random bytes, made once, mode 0600. Raises `OSError`, and makes none then."""
    if not path.exists():
        beside = path.with_name(f"{path.name}.new")
        beside.touch(mode=0o600)
        beside.write_bytes(secrets.token_bytes(_KEY_BYTES))
        beside.rename(path)
    return path.read_bytes()


def _most(system: Mapping[str, Any]) -> dict[str, int]:
    """The units that have a ``scaling:`` section, by the canonical form: it knows no key that the house has not."""
    sections: dict[str, Mapping[str, Any]] = {}
    for name, service in system["services"].items():
        sections |= {name: service} | {f"{name}.{step}": keys for step, keys in service["steps"].items()}
    return {unit: keys["scaling"]["max"] for unit, keys in sections.items() if "scaling" in keys}


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
