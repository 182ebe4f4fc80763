"""The folder of the file, and the child that describes its steps. It reads what people edit, and remembers nothing."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from longspan.base.errors import Complaint, Invalid, Missing, Refused
from longspan.capabilities.generations.adapters import describing, programs
from longspan.spec.fits import check
from longspan.spec.load import Loaded, load_text
from longspan.spec.models import Model
from longspan.spec.secrets import names as secret_names
from longspan.spec.signatures import errors
from longspan.spec.units import describe_orders
from longspan.system.children import passed_on
from longspan.system.vault import Tree, survey
from longspan.wire.orders import Described

_FILE_LIMIT_BYTES = 1 << 20


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
        """The step code beside the file, programs that are servers included; None when every step is a model."""
        steps = [step for service in loaded.system.services.values() for step in service.steps.values()]
        if not any(step.run or step.command for step in steps):
            return None
        tree = survey(
            self.file.parent,
            leave_out={self.file, self._state, *models.values()},
            limit_bytes=loaded.system.system.code_limit,
        )
        if complaints := programs.left_out(loaded, tree.files):
            raise Invalid(tuple(complaints))
        return tree

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
        environment = passed_on(self._environment, secret_names(loaded.system))
        found = describing.describe(orders, self.file.parent, environment)
        if isinstance(found, Described):
            return found
        remedy = "Do at import only what defines the steps; load and connect in a step's class"
        for finding in errors(Described(errors={found.key: found.problem}) if found.key else Described()):
            raise Invalid((loaded.complaint(finding.path, finding.problem, remedy),))
        raise Refused(f"the child that describes the steps {found.problem}", at=self.file.name, remedy=remedy)

    def prove(self) -> tuple[Loaded, dict[str, Path], Described]:
        """Load, locate, describe, and prove that the steps fit. Raises `Invalid` with every complaint."""
        loaded = self.load()
        if complaints := programs.missing(loaded, self.file.parent, self._environment.get("PATH", "")):
            raise Invalid(tuple(complaints))
        models = self.models(loaded)
        described = self.describe(loaded, models)
        check(loaded, described)
        return loaded, models, described


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
