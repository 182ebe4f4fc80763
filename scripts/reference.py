"""The pages of docs/reference/, made from the code: settings, commands, metrics, errors, control's API; and the
list of docs/decisions/, made from their titles.

`python scripts/reference.py` writes them; `--check` writes nothing and exits 1 when a page is not what
the code says. Text comes from docstrings alone: who wants a page changed changes the docstring.
"""

from __future__ import annotations

import importlib
import inspect
import re
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any, get_args, get_origin

import typer
from pydantic import TypeAdapter
from pydantic.fields import FieldInfo

from longspan.base import errors
from longspan.base.metrics import Metric
from longspan.cli import main as cli
from longspan.client import messages, scaling
from longspan.spec.section import Section
from longspan.spec.system import System
from longspan.spec.words import sections

DOCS = Path(__file__).parent.parent / "docs"
NOTE = "<!-- Made by `make docs` from the code. Change the docstring, not this page. -->\n"
SOURCE = Path(__file__).parent.parent / "src"


def pages() -> dict[str, str]:
    """Path below docs/ -> text of each page."""
    made = {
        "reference/settings.md": settings(),
        "reference/commands.md": commands(),
        "reference/metrics.md": metrics(),
        "reference/errors.md": error_tree(),
        "reference/control-api.md": control_api(),
        "decisions/README.md": decisions(),
    }
    return {name: f"{NOTE}\n{text.rstrip()}\n" for name, text in made.items()}


# ------------------------------------------------------------------------------------------- settings


def settings() -> str:
    """Every key of longspan.yaml, section by section."""
    about = (
        "An unknown key is an error, and so is a key in the wrong place. Durations are `250ms`, `10s`, `5m`;\n"
        "sizes are `512KiB`, `64MiB`. `longspan schema` prints the same as JSON Schema for editors."
    )
    parts = ["# Settings of `longspan.yaml`", about]
    for section, paths in _homes().items():
        title = f"## {', '.join(f'`{path}`' for path in paths)}" if any(paths) else "## The whole file"
        rows = [_row(name, field) for name, field in section.model_fields.items()]
        table = ["| key | value | default | what it is |", "| --- | --- | --- | --- |", *rows]
        parts += [title, _prose(section), "\n".join(table)]
    return "\n\n".join(parts)


def _homes() -> dict[type[Section], list[str]]:
    """Each section -> where it may stand in the file: ``services.NAME.limits``."""
    found: dict[type[Section], list[str]] = {}
    for pattern, section in sections(System):
        found.setdefault(section, []).append(".".join("NAME" if part == "*" else part for part in pattern))
    return found


def _inner_sections(annotation: Any) -> Iterator[type[Section]]:
    if isinstance(annotation, type) and issubclass(annotation, Section):
        yield annotation
    for argument in get_args(annotation):
        yield from _inner_sections(argument)


def _key(name: str, field: FieldInfo) -> str:
    return field.alias or name


def _row(name: str, field: FieldInfo) -> str:
    text = _cell(field.description or "")
    examples = [f"`{example}`" for example in field.examples or ()]
    if examples:
        text += f" Example: {', '.join(examples)}."
    return f"| `{_key(name, field)}` | {_value(field)} | {_default(field)} | {text} |"


def _value(field: FieldInfo) -> str:
    """What may stand there, in words; bounds are those of the JSON Schema."""
    if list(_inner_sections(field.annotation)):
        kind: Any = get_origin(field.annotation)
        return {dict: "names, each a section", tuple: "list of sections"}.get(kind, "section")
    schema = _adapter(field).json_schema()
    schema = next((kind for kind in schema.get("anyOf", ()) if kind.get("type") != "null"), schema)
    return " or ".join(dict.fromkeys(_kind(one) for one in schema.get("oneOf", [schema])))


def _kind(schema: dict[str, Any]) -> str:
    kind, pattern = str(schema.get("type", "any")), str(schema.get("pattern", ""))
    if kind in {"integer", "number"}:
        return f"{schema.get('minimum', '')} to {schema.get('maximum', '')}".strip()
    if kind == "string":
        marks = {"ms": "duration", "KiB": "size", "%": "share"}
        return next((word for mark, word in marks.items() if mark in pattern), "text")
    return {"boolean": "true or false", "object": "mapping"}.get(kind, kind)


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "(required)"
    value = field.get_default(call_default_factory=True)
    if value is None or value in ({}, ()) or isinstance(value, Section):
        return ""
    shown = _adapter(field).dump_python(value, mode="json") if isinstance(value, timedelta | int) else value
    return f"`{str(shown).lower() if isinstance(shown, bool) else shown}`"


def _adapter(field: FieldInfo) -> TypeAdapter[Any]:
    return TypeAdapter(field.rebuild_annotation())


# -------------------------------------------------------------------------------- commands and metrics


def commands() -> str:
    """Every command, as `longspan COMMAND --help` tells it."""
    parts = [
        "# Commands",
        "Exit codes: 0 done, 1 failed, 2 usage or invalid file, 3 the plan would change something, 4 refused.",
    ]
    group = cli._group()
    for name, command in {"": group, **{name: group.commands[name] for name in cli.HOMES}}.items():
        title = f"longspan {name}".strip()
        context = typer.Context(command, info_name=title, terminal_width=100)
        records = [parameter.get_help_record(context) for parameter in command.get_params(context)]
        rows = [f"| `{record[0]}` | {_cell(record[1])} |" for record in records if record and "--help" not in record[0]]
        parts += [f"## `{title}`", f"```text\n{command.get_usage(context).removeprefix('Usage: ')}\n```"]
        parts.append(command.help or "")
        if rows:
            parts.append("\n".join(["| option | |", "| --- | --- |", *rows]))
        if command.epilog:
            parts.append(f"Example: `{command.epilog.removeprefix('Example: ')}`")
    return "\n\n".join(parts)


def declared_metrics() -> list[Metric]:
    """What stands in the table METRICS of any module."""
    homes = _modules(re.compile(r"^METRICS\b", re.MULTILINE))
    return [metric for home in homes for metric in home.METRICS]


def metrics() -> str:
    """Every metric of `/-/metrics`."""
    rows = [
        f"| `{one.name}` | {one.kind} | {', '.join(f'`{label}`' for label in one.labels)} | {_cell(one.help)} |"
        for one in sorted(declared_metrics(), key=lambda one: one.name)
    ]
    head = ["| metric | kind | labels | what it tells |", "| --- | --- | --- | --- |"]
    return "\n\n".join(
        [
            "# Metrics",
            "The gateway answers them at `/-/metrics`, for the whole system, in the Prometheus text format.",
            "\n".join([*head, *rows]),
        ]
    )


# ------------------------------------------------------------------------------------ errors and the API


def error_tree() -> str:
    """The tree of errors with the exit code of each, those included that one room alone raises."""
    declared = re.compile(rf"^class \w+\((?:{'|'.join(kind.__name__ for kind in _kinds(errors))})\)", re.MULTILINE)
    kinds = {kind.__name__: kind for module in _modules(declared) for kind in _kinds(module)}
    rows = [f"| `{name}` | {kinds[name].exit_code} | {_cell(_prose(kinds[name]))} |" for name in sorted(kinds)]
    head = ["| error | exit code | when |", "| --- | --- | --- |"]
    return "\n\n".join(["# Errors", _docstring(errors), "\n".join([*head, *rows])])


def _kinds(module: Any) -> list[type[errors.LongspanError]]:
    return [kind for _, kind in inspect.getmembers(module, inspect.isclass) if issubclass(kind, errors.LongspanError)]


def _modules(pattern: re.Pattern[str]) -> list[Any]:
    """The modules of ours whose text has it."""
    homes = [path for path in sorted(SOURCE.rglob("*.py")) if pattern.search(path.read_text())]
    return [importlib.import_module(".".join(path.relative_to(SOURCE).with_suffix("").parts)) for path in homes]


def control_api() -> str:
    """The routes of control, as the modules of its messages tell them."""
    about = (
        "Control answers HTTP on a unix socket in the state folder, `.longspan/control.sock`, which its owner alone\n"
        "may open; `GET /openapi.json` there describes each message. The command line is a client of it."
    )
    return "\n\n".join(["# Control's API", about, _docstring(messages), "## Scaling", _docstring(scaling)])


def decisions() -> str:
    """The list of all decisions. Raises `ValueError` for a page whose first line is not ``# NUMBER: title``."""
    about = (
        "One page for each choice that was hard to make: what was wanted, what was chosen, instead of what, and what\n"
        "follows. A later page may overrule an earlier one; then both say so. Pages of one room stand in one ten, so\n"
        "numbers have gaps."
    )
    rows = []
    for page in sorted((DOCS / "decisions").glob("[0-9]*.md")):
        title = re.match(rf"# {page.name[:4]}: (.+)\n", page.read_text())
        if title is None:
            raise ValueError(f"{page.name} does not begin with '# {page.name[:4]}: ' and its title")
        rows.append(f"| [{page.name[:4]}]({page.name}) | {_cell(title[1])} |")
    return "\n\n".join(["# Decisions", about, "\n".join(["| | |", "| --- | --- |", *rows])])


def _docstring(thing: Any) -> str:
    """A docstring as Markdown: the indented block after `::` becomes a block of text."""
    out: list[str] = []
    block = False
    for line in (inspect.getdoc(thing) or "").splitlines():
        if block and line and not line.startswith(" "):
            out, block = [*out[:-1], "```", "", line.replace("``", "`")], False
        elif block:
            out += [line.removeprefix("    ")] if line or out[-1] != "```text" else []
        elif line.strip() == "::":
            out, block = [*out, "```text"], True
        else:
            out.append(line.replace("``", "`"))
    return "\n".join([*out, "```"] if block else out)


def _prose(thing: Any) -> str:
    return (inspect.getdoc(thing) or "").replace("``", "`")


def _cell(text: str) -> str:
    return " ".join(text.replace("``", "`").replace("|", "\\|").split())


def main() -> int:
    made = pages()
    if "--check" in sys.argv[1:]:
        stale = [name for name, text in made.items() if not _says(DOCS / name, text)]
        kept = [path.relative_to(DOCS).as_posix() for path in (DOCS / "reference").glob("*.md")]
        stale += [name for name in kept if name not in made]
        print(*(f"docs/{name} is not what the code says: run make docs" for name in stale), sep="\n")
        return 1 if stale else 0
    for name, text in made.items():
        (DOCS / name).write_text(text)
        print(f"docs/{name}")
    return 0


def _says(path: Path, text: str) -> bool:
    return path.exists() and path.read_text() == text


if __name__ == "__main__":
    sys.exit(main())
