"""From ``module:attribute`` to the object, with errors that point into the user's code."""

from __future__ import annotations

import difflib
import importlib
import os
import sys
import traceback
from types import ModuleType
from typing import Any

from longspan.base.errors import LongspanError

_LONGEST = 300


def resolve(run: str) -> Any:
    """Import the module and take its attribute. The step code's folder is the first on the import path.

    Raises `LongspanError` in one line.
    """
    module_name, colon, attribute = run.partition(":")
    if not (colon and attribute and module_name):
        raise LongspanError("is not of the form module:attribute", at=run)
    module = _import(run, module_name)
    value = getattr(module, attribute, None)
    if value is None:
        close = difflib.get_close_matches(attribute, [name for name in vars(module) if not name.startswith("_")], 1)
        hint = f"Did you mean {module_name}:{close[0]}?" if close else ""
        raise LongspanError(f"module {module_name!r} has no {attribute!r}", at=run, remedy=hint)
    if not callable(value):
        raise LongspanError(f"is {_article(value)}, which cannot be called", at=run)
    return value


def words(error: BaseException) -> str:
    """Type and first line of an exception, bounded."""
    text = str(error).strip().partition("\n")[0]
    return f"{type(error).__name__}: {text}"[:_LONGEST] if text else type(error).__name__


def _import(run: str, name: str) -> ModuleType:
    folder = os.path.abspath(sys.path[0])
    try:
        module = importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is not None and f"{name}.".startswith(f"{error.name}."):
            raise LongspanError(f"there is no module {error.name!r} beside the file or installed", at=run) from None
        raise LongspanError(f"importing {name!r} failed: {words(error)}{_where(error, folder)}", at=run) from error
    except (Exception, SystemExit) as error:
        raise LongspanError(f"importing {name!r} failed: {words(error)}{_where(error, folder)}", at=run) from error
    if _shadowed(module, name, folder):
        raise LongspanError(
            f"is not what is imported: a module {name!r} of Python or of a package is loaded already",
            at=run,
            remedy="Rename the file",
        )
    return module


def _shadowed(module: ModuleType, name: str, folder: str) -> bool:
    stem = os.path.join(folder, *name.split("."))
    ours = os.path.exists(f"{stem}.py") or os.path.exists(os.path.join(stem, "__init__.py"))
    came = os.path.abspath(module.__file__) if module.__file__ else ""
    return ours and not came.startswith(folder + os.sep)


def _where(error: BaseException, folder: str) -> str:
    """`` (steps.py:3)``: the last line of the user's own code that the import came through."""
    if isinstance(error, SyntaxError) and error.filename:
        places = [(error.filename, error.lineno or 0)]
    else:
        places = [(frame.filename, frame.lineno or 0) for frame in traceback.extract_tb(error.__traceback__)]
    own = [place for place in places if os.path.abspath(place[0]).startswith(folder + os.sep)]
    if not own:
        return ""
    return f" ({os.path.relpath(own[-1][0], folder)}:{own[-1][1]})"


def _article(value: object) -> str:
    name = type(value).__name__
    return f"{'an' if name[0].lower() in 'aeiou' else 'a'} {name}"
