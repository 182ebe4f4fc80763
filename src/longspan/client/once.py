"""What would control answer, when none runs?

``python -m longspan.control once VERB`` is a process without a listener: it prints the JSON that the API
would answer, or a `Problem`, and exits with the code that fits.
"""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Literal, TypeVar

import msgspec

from longspan.base.errors import LongspanError
from longspan.client.messages import Problem
from longspan.client.place import Place
from longspan.client.problems import error_of

Verb = Literal["check", "plan", "doctor", "down"]

_ANSWER = TypeVar("_ANSWER")
_SECONDS = 600.0


def command(place: Place, *words: str) -> list[str]:
    """How a control process is started for this system.

    With ``-P``, so that a ``types.py`` in the user's folder never stands in for Python's own.
    """
    file, state = os.path.abspath(place.file), os.path.abspath(place.state)
    return [sys.executable, "-P", "-m", "longspan.control", *words, "--file", file, "--state", state]


def once(place: Place, verb: Verb, answer: type[_ANSWER], *options: str) -> _ANSWER:
    """Ask a short-lived control. Raises what `error_of` makes of its `Problem`, or the last words of a crash."""
    try:
        done = subprocess.run(
            [*command(place, "once", verb), *options],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_SECONDS,
            check=False,
            # A second Ctrl-C of somebody who is in a hurry must not end what stops the system.
            start_new_session=verb == "down",
        )
    except subprocess.TimeoutExpired as error:
        raise LongspanError(f"{verb} took longer than {_SECONDS:.0f} s and was stopped") from error
    if done.returncode == 0:
        try:
            return msgspec.json.decode(done.stdout, type=answer)
        except msgspec.DecodeError as error:
            raise LongspanError(f"the answer to {verb} is not understood ({error})") from error
    raise refusal(done.stdout, done.stderr, done.returncode)


def refusal(stdout: bytes, stderr: bytes, code: int) -> LongspanError:
    """The error for a control process that could not do its work: from its `Problem`, else its last words."""
    try:
        return error_of(msgspec.json.decode(stdout, type=Problem))
    except msgspec.DecodeError:
        last = stderr.decode(errors="replace").strip().rpartition("\n")[2] or "it said nothing"
        return LongspanError(f"control stopped with exit code {code}: {last}")
