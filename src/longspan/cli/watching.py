"""``up --watch``: a save is applied; what is wrong with it is told, and what serves is left alone."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor

from longspan.base.errors import Invalid, LongspanError
from longspan.capabilities.generations.cli import lines
from longspan.cli.display import Display
from longspan.cli.saves import Saves
from longspan.client.messages import ApplyAnswer, ApplyOrder
from longspan.client.place import Place, author


class Watching:
    """Applies one save after another. An apply may take seconds, so it waits in a thread."""

    def __init__(self, place: Place, display: Display) -> None:
        self._place, self._display = place, display
        self._saves = Saves(place.file.parent, place.state)
        self._thread = ThreadPoolExecutor(max_workers=1)
        self._applying: Future[ApplyAnswer] | None = None

    def look(self, *, may_apply: bool) -> None:
        """Call some times a second. `may_apply`: no generation is on its way."""
        if self._applying is not None:
            if self._applying.done():
                self._tell(self._applying)
                self._applying = None
        elif may_apply and self._saves.happened():
            self._applying = self._thread.submit(self._place.control.apply, ApplyOrder(author=author()))

    def _tell(self, applied: Future[ApplyAnswer]) -> None:
        say = self._display.say
        try:
            answer = applied.result()
        except Invalid as error:
            for complaint in error.complaints:
                say(str(complaint), style="red")
            say("saved, but it is wrong: nothing has been touched")
        except LongspanError as error:
            say(f"saved, but not applied: {error}", style="red")
        else:
            for line in lines(answer.plan):
                say(line)
            many = answer.generation is not None
            say(f"saved: generation {answer.generation} is on its way" if many else "saved: nothing would change")
