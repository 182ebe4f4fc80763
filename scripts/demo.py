"""The main job on real input, one example after the other: `scripts.demonstration` has what each of them shows.

Each is set up in a temporary folder under the real command. Nothing is a mock, nothing needs the network. Exit code 0
only when no request failed and every check held. `make demo` runs it in an environment that holds what it needs.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path
from types import ModuleType

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from rich.markup import escape

from benchmarks.system import System, copy_example
from scripts.demonstration import file_type, read_text
from scripts.demonstration.acts import say

PARTS: tuple[ModuleType, ...] = (file_type, read_text)


def main() -> int:
    began = time.monotonic()
    held = [shown(part) for part in PARTS]
    say(f"\nAll in {time.monotonic() - began:.0f} s. {'[green]All held.[/]' if all(held) else '[red]Not all held.[/]'}")
    return 0 if all(held) else 1


def shown(part: ModuleType) -> bool:
    """One example, from its folder to its end. True when all held."""
    say(f"\n[bold]{part.QUESTION}[/]")
    with tempfile.TemporaryDirectory(prefix="longspan-demo-") as folder:
        with System(copy_example(part.EXAMPLE, Path(folder))) as system:
            try:
                return bool(part.run(system))
            except Exception as error:  # noqa: BLE001  Told with the logs, which are gone in a moment.
                say(f"[red]failed: {escape(str(error))}[/]")
                print(system.tails(8))
    return False


if __name__ == "__main__":
    sys.exit(main())
