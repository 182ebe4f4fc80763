"""What does a client hear when a step that runs in another unit gave no outputs?

Pure. One error, with the step's name; never what another process wrote about itself, unless it was the step's own
refusal, which reads the same wherever the step runs. What was really said goes into the log, as the error's cause.

| what came back                     | the client hears | why                                               |
| ---------------------------------- | ---------------- | ------------------------------------------------- |
| an error, marked as the step's own | the same         | as if it ran here                                 |
| 404                                | 503, Retry-After | no replica of this version yet, or none any more  |
| 413                                | 413              | the request has become more than the unit takes   |
| 408, 429, 502, 503                 | 503, Retry-After | nobody there, or its queue full                   |
| 504                                | 504              | the unit or the gateway found the time to be over |
| any other status                   | 500              | the unit has failed, or one of us two is no OIP   |
| 200, but not the step's outputs    | 500              | the step is wrong, not the request                |
| more than an answer may be         | 500              | it would be as large the next time                |
| no HTTP, cut short, `suspected.CUT` | 503              | something has died; Retry-After if repeatable     |
| nobody listens                     | 503, Retry-After | the gateway is being started again                |
| nothing, until the time was over   | 504              |                                                   |

A server of somebody else's has no versions and no marks, and says whatever its author thought of:

| what came back                     | the client hears | why                                               |
| ---------------------------------- | ---------------- | ------------------------------------------------- |
| 400, 413, 422 and the like, as OIP | the same         | it has looked at the content; see `presentable`   |
| 404                                | 500              | it does not serve the step: file or server wrong  |
| 401, 405, 415 and the like         | 500              | how it is called is ours, not the client's        |
| 4xx that is no OIP error           | 500              | who knows who said it                             |
| 408, 429, 503                      | 503, Retry-After | it is not there just now, or has enough to do     |
| 504                                | 504              |                                                   |
| any other status                   | 500              | it has failed; its own words are for the log      |
| 200, but not the step's outputs    | 500              | the server is wrong, not the request              |
| cut off twice, of a repeatable one | 500              | most likely it has died of it; see `suspected`    |

What is to be sent and cannot be said in JSON is a 400 where the client brought it, else a 500.
"""

from __future__ import annotations

import re

import msgspec

from longspan.base.errors import RequestError
from longspan.serving.admission import RETRY_AFTER_SECONDS
from longspan.wire.tensors import Buffer

_LONGEST_QUOTE = 500
_LONGEST_TEXT = 4000
_BUSY = frozenset({408, 429, 502, 503})
_AWAY = frozenset({408, 429, 503})
_OF_THE_CALL = frozenset({401, 402, 403, 405, 406, 407, 411, 412, 414, 415, 417, 421, 425, 426, 428, 431})
"""Statuses that tell who calls, where, and in which form: of that nothing comes from the client."""
_LONGEST_SENTENCE = 300
_PATH = re.compile(r"(?<![\w.*])(?:/[^\s/]+){2}|\b[A-Za-z]:\\")


class Said(Exception):
    """What really came back: the cause of an error, for the log."""


class _Refusal(msgspec.Struct):
    error: str


def refused(step: str, status: int, text: str, *, by_step: bool, seconds: int | None) -> RequestError:
    """The error for an answer that is not 200, with this `text` (see `told`).

    `by_step`: the unit says that the step itself refused. `seconds`: its Retry-After.
    """
    if by_step and 400 <= status <= 599:
        return RequestError(status, text, retry_after_seconds=seconds)
    if status in _BUSY:
        return _unavailable(step, "takes no more just now")
    if status == 404:
        return _unavailable(step, "has no replica of this version just now")
    if status == 413:
        return RequestError(413, f"step {step!r} was given more than its unit takes")
    if status == 504:
        return late(step)
    return wrong(step, f"its unit answered {status}")


def of_server(step: str, status: int, body: Buffer) -> RequestError:
    """The error for an answer of a server of somebody else's that is not 200."""
    if status in _AWAY:
        return _unavailable(step, "is not available just now")
    if status == 504:
        return late(step)
    if status == 404:
        return wrong(step, "it is not served there, says its server")
    text = _oip(body)
    if text is None or not 400 <= status < 500 or status in _OF_THE_CALL:
        return wrong(step, f"its server answered {status}")
    return RequestError(status, f"step {step!r}: {presentable(text) or f'its server refused the request ({status})'}")


def presentable(text: str) -> str:
    """One short sentence of an error that somebody else wrote. Empty where it may tell of the inside: with a path of
    the file system, or a trace."""
    text = text.strip()
    line = text.splitlines()[0].rstrip() if text else ""
    if "Traceback" in text or _PATH.search(line):
        return ""
    line = "".join(character if character.isprintable() else "?" for character in line)
    return line if len(line) <= _LONGEST_SENTENCE else f"{line[:_LONGEST_SENTENCE]}..."


def unsayable(step: str, problem: str, *, by_client: bool) -> RequestError:
    """What should be sent as JSON, and JSON cannot hold: 400 if it is the client's, just as it came; else 500."""
    return RequestError(400, f"step {step!r}: {problem}") if by_client else wrong(step, problem)


def unsure(error: RequestError) -> RequestError:
    """The same without Retry-After, which says that nothing was done: for a step that must not run twice and may have
    run. Clients try again by themselves where they find it.
    """
    return RequestError(error.status, error.problem)


def lost(step: str, *, repeatable: bool) -> RequestError:
    """503: its answer did not come, or not to its end. With the reason why it was not sent again, where that is one."""
    if repeatable:
        return _unavailable(step, "was cut off before its answer")
    reason = "not run again, because it is not marked repeatable"
    return RequestError(503, f"step {step!r} was cut off before its answer; {reason}")


def poison(step: str, service: str) -> RequestError:
    """500: the second server was cut off at it, too."""
    problem = "its server was cut off 2 times by this request, so it is not run again"
    return RequestError(500, f"step {step!r} of {service!r}: {problem}")


def unreachable(step: str) -> RequestError:
    """503: there is nobody to call."""
    return _unavailable(step, "cannot be reached: the gateway does not answer")


def late(step: str) -> RequestError:
    """504: the request's time was over while the step ran."""
    return RequestError(504, f"step {step!r} gave no answer within the request's time")


def too_much(step: str, size: int, most: int) -> RequestError:
    """413: the inputs are larger than a call may be."""
    return RequestError(413, f"step {step!r} would be given {size} bytes; a call holds at most {most}")


def wrong(step: str, problem: str) -> RequestError:
    """500: what came, or what should be sent, is not what the step's signature says."""
    return RequestError(500, f"step {step!r} failed: {problem}")


def told(body: Buffer) -> str:
    """The sentence in an OIP error body; whatever it is when it is none. Shortened."""
    text = _oip(body)
    return text if text is not None else bytes(body[:_LONGEST_QUOTE]).decode("utf-8", "replace")


def _oip(body: Buffer) -> str | None:
    """The sentence in an OIP error body, shortened; None when it is none."""
    try:
        return msgspec.json.decode(body, type=_Refusal).error[:_LONGEST_TEXT]
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None


def _unavailable(step: str, what: str) -> RequestError:
    """503, which may be tried again."""
    return RequestError(503, f"step {step!r} {what}", retry_after_seconds=RETRY_AFTER_SECONDS)
