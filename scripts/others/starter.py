"""The starter, running for as long as a command does: ``python -m scripts.others.starter COMMAND...``

``{gateway}`` in an argument stands for ``host:port``. The command's exit code is ours.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.system import System, copy_example


def main(command: list[str]) -> int:
    with tempfile.TemporaryDirectory() as folder, System(copy_example("hello", Path(folder))) as system:
        system.change("longspan.yaml", "port: 8080", "port: 0")
        system.up()
        arguments = [argument.replace("{gateway}", system.address) for argument in command]
        return subprocess.run(arguments, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
