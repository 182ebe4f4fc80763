"""Which command was meant, and how does it end?

A command is a function of its own name in the module that the table names; it is imported when it is
called (or listed), never before. Its docstring is its help; the docstring's last paragraph, ``Example: ...``,
ends that help. Every ending is one of DESIGN's exit codes, and none of them is a stack trace.
"""

from __future__ import annotations

import importlib
import inspect
import os
import sys
import traceback
from collections.abc import Iterator, MutableMapping
from typing import Annotated, Any

import typer
import typer.main
from typer.core import TyperGroup

from longspan import __version__
from longspan.base.errors import LongspanError

HOMES = {
    "init": "longspan.cli.init",
    "check": "longspan.cli.check",
    "up": "longspan.cli.up",
    "plan": "longspan.capabilities.generations.cli",
    "apply": "longspan.capabilities.generations.cli",
    "rollback": "longspan.capabilities.generations.cli",
    "status": "longspan.capabilities.replicas.cli",
    "top": "longspan.cli.top.command",
    "logs": "longspan.capabilities.replicas.cli",
    "call": "longspan.capabilities.gateway.cli",
    "load": "longspan.cli.load.command",
    "scale": "longspan.capabilities.scaling.cli",
    "scaling explain": "longspan.capabilities.scaling.cli",
    "scaling replay": "longspan.capabilities.scaling.cli",
    "conform": "longspan.cli.conform",
    "down": "longspan.cli.down",
    "doctor": "longspan.cli.doctor",
    "schema": "longspan.cli.schema",
    "version": "longspan.cli.version",
}
"""Command -> the module that it lives in, in the order of the help. ``GROUP NAME``: a command of a group."""

GROUPS = {
    "scaling": "Explain past counts, or try another policy.",
}
"""Group of commands -> what it is for."""

INTERRUPTED = 130
"""Ctrl-C, as shells count it: 128 and the number of SIGINT."""


def main() -> None:
    """The command ``longspan``."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """Run one command line; return its exit code, having told on standard error what went wrong."""
    debug = "--debug" in arguments or bool(os.environ.get("LONGSPAN_DEBUG"))
    try:
        code = _group().main(args=arguments, prog_name="longspan", standalone_mode=False)
        sys.stdout.flush()
        return code if isinstance(code, int) else 0
    except LongspanError as error:
        from longspan.client.terminal import complain

        complain(error)
        return error.exit_code
    except typer.TyperException as error:
        return _misused(error)
    except (KeyboardInterrupt, typer.Abort):
        return INTERRUPTED
    except BrokenPipeError:
        # Whoever read us has had enough (`longspan logs | head`). Python would complain once more at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        print(f"error: {where}{error.strerror or error}", file=sys.stderr)
        return 1
    except Exception as error:  # noqa: BLE001 - the last door: a person must never meet a stack trace
        if debug:
            traceback.print_exc()
        place = "See .longspan/logs/control.log, or repeat it as longspan --debug"
        print(f"error: {type(error).__name__}: {error}. This is a fault of Longspan. {place}", file=sys.stderr)
        return 1


def _misused(error: typer.TyperException) -> int:
    """A wrong command line: what is wrong, and where the right one is described."""
    context = getattr(error, "ctx", None)
    if type(error).__name__ == "NoArgsIsHelpError":
        print(error.format_message())
        return error.exit_code
    print(f"error: {error.format_message().rstrip('.')}", file=sys.stderr)
    if context is not None:
        print(f"    {context.command_path} --help tells how it is used", file=sys.stderr)
    return error.exit_code


def _group() -> TyperGroup:
    app = typer.Typer(
        add_completion=False,
        no_args_is_help=True,
        rich_markup_mode=None,
        context_settings={"help_option_names": ["-h", "--help"]},
        epilog="Example: longspan init hello && cd hello && longspan up",
    )
    app.callback()(_root)
    group = typer.main.get_command(app)
    assert isinstance(group, TyperGroup)
    group.commands = Commands()
    return group


def _root(
    version: Annotated[bool, typer.Option("--version", help="Print the version.", is_eager=True)] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show where an unexpected error came from.")] = False,
) -> None:
    """One file describes an AI system. Longspan runs it."""
    if version:
        print(f"longspan {__version__}")
        raise typer.Exit


class Commands(MutableMapping[str, Any]):
    """The commands of one group by name, each imported when it is asked for. `prefix`: the group and a space."""

    def __init__(self, prefix: str = "") -> None:
        self._prefix = prefix
        self._made: dict[str, Any] = {}

    def __getitem__(self, name: str) -> Any:
        if name not in self._made:
            full = self._prefix + name
            self._made[name] = _command(full, HOMES[full]) if full in HOMES else _sub_group(full)
        return self._made[name]

    def __setitem__(self, name: str, command: Any) -> None:
        self._made[name] = command

    def __delitem__(self, name: str) -> None:
        raise TypeError("the table of commands is fixed")

    def __iter__(self) -> Iterator[str]:
        mine = (name.removeprefix(self._prefix) for name in HOMES if name.startswith(self._prefix))
        return iter(dict.fromkeys(name.partition(" ")[0] for name in mine))

    def __len__(self) -> int:
        return len(list(iter(self)))


def _command(name: str, home: str) -> Any:
    own = name.rpartition(" ")[2]
    function = getattr(importlib.import_module(home), own)
    text, _, example = (inspect.getdoc(function) or "").partition("Example: ")
    app = typer.Typer(
        add_completion=False, rich_markup_mode=None, context_settings={"help_option_names": ["-h", "--help"]}
    )
    app.command(own, help=text.strip(), epilog=f"Example: {' '.join(example.split())}")(function)
    return typer.main.get_command(app)


def _sub_group(name: str) -> TyperGroup:
    """A group of commands. Raises `KeyError` for a name that is none."""
    app = typer.Typer(
        add_completion=False,
        no_args_is_help=True,
        rich_markup_mode=None,
        context_settings={"help_option_names": ["-h", "--help"]},
        help=GROUPS[name],
        epilog=f"Example: longspan {next(one for one in HOMES if one.startswith(f'{name} '))} --help",
    )
    app.callback()(lambda: None)
    group = typer.main.get_command(app)
    assert isinstance(group, TyperGroup)
    group.commands = Commands(f"{name} ")
    return group
