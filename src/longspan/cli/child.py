"""Control as a child process of `up`: started in a session of its own, so that no key of the terminal reaches it."""

from __future__ import annotations

import subprocess
import tempfile

from longspan.base.errors import LongspanError
from longspan.client.once import command, refusal
from longspan.client.place import Place


class Child:
    """The control process that `up` has started. It outlives us when nobody stops it."""

    def __init__(self, place: Place) -> None:
        # Files, not pipes: a control that outlives its parent must never meet a broken one.
        self._stdout, self._stderr = tempfile.TemporaryFile(), tempfile.TemporaryFile()  # noqa: SIM115
        self._process = subprocess.Popen(
            command(place),
            stdin=subprocess.DEVNULL,
            stdout=self._stdout,
            stderr=self._stderr,
            start_new_session=True,
        )

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def exit_code(self) -> int | None:
        """None while it runs."""
        return self._process.poll()

    def last_words(self) -> LongspanError:
        """Why it could not start."""
        texts = []
        for file in (self._stdout, self._stderr):
            file.seek(0)
            texts.append(file.read(1 << 20))
        return refusal(texts[0], texts[1], self._process.returncode)

    def kill(self) -> None:
        """SIGKILL; what it held serves on until it is taken over or stopped."""
        self._process.kill()
        self._process.wait()
