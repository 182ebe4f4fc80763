"""What does Envoy say when it answers by itself? In the words of the protocol, and of people.

Every answer that no replica gave leaves as OIP's ``{"error": "..."}``: what happened, and why it was
not tried again. 503s carry Retry-After, but for work that was begun and must not be done twice: Retry-After
says that nothing was done, and clients act on it. The routes say what is particular to a service in their
metadata (`routes`), so that one set of sentences does for all.

Source: Envoy 1.40, `LocalReplyConfig`; the response flags stand in its "Access logging" page.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from longspan.capabilities.gateway.decide.limits import HEAD_KIB, HEADERS, RETRY_SECONDS

CUT = "longspan-cut"
"""Header of such an answer (`serving.egress.suspected`)."""
_NAME = "%ROUTE_NAME%"
_AGAIN = "%METADATA(ROUTE:longspan:again)%"
_AFTER = "%METADATA(ROUTE:longspan:after)%"
_CUT_OFF = f"a replica of {_NAME} died at work on this request{_AGAIN}"
_LIMIT = "%METADATA(ROUTE:longspan:limit)%"
_DETAILS = "%RESPONSE_CODE_DETAILS%"
_AS_IT_IS = {"text_format_source": {"inline_string": "%LOCAL_REPLY_BODY%"}, "content_type": "application/json"}


def local_replies(particular: Sequence[dict[str, Any]] = ()) -> dict[str, Any]:
    """The first mapper that fits an answer words it; those `particular` to a door come before what all doors say."""
    unreached = f"no replica of {_NAME} could be reached within {RETRY_SECONDS:g} s"
    too_wide = f"the head is larger than {HEAD_KIB} KiB or has over {HEADERS} fields"
    return {
        "mappers": [
            *particular,
            _mapper(_compare("LE", 399), _AS_IT_IS),
            _mapper(_flags("NR"), _error("nothing is at %PATH(NQ:PATH)%")),
            _mapper(_flags("UH", "NC"), _error(f"{_NAME} has no replica yet"), retry_after=True),
            _mapper(_flags("UF"), _error(unreached), retry_after=True),
            _mapper(_flags("UC", "UR"), _error(_CUT_OFF), retry_after=_AFTER),
            _mapper(_flags("UO"), _error("the gateway is full"), retry_after=True),
            _mapper(_flags("UT"), _error(f"{_NAME} did not answer within its limit of {_LIMIT}")),
            _mapper(_flags("SI"), _error("nothing was sent for too long")),
            # What could not be kept for another attempt (a body of untold length) is larger than the limit.
            _mapper(_compare("EQ", 507), _error(f"the body is larger than {_NAME} takes"), status=413),
            _mapper(_compare("EQ", 431), _error(too_wide)),
            _mapper(_compare("EQ", 426), _error("HTTP/1.1 or HTTP/2 is needed")),
            # Its memory is used up, mostly; then no flag is set.
            _mapper(_compare("EQ", 503), _error(f"the gateway is full ({_DETAILS})"), retry_after=True),
            _mapper(_any(_compare("EQ", 405), _compare("EQ", 413)), _error("%LOCAL_REPLY_BODY%")),
            _mapper(_flags("DPE"), _error(f"this is no request that can be read ({_DETAILS})")),
        ],
        "body_format": _error(f"the gateway cannot take this request ({_DETAILS})"),
    }


def of_outside() -> list[dict[str, Any]]:
    """What only the public listener has to word: readiness, and control's pages."""
    silent = _flags("UF", "UH", "UC", "UR", "UT")
    return [
        _mapper(_all(_path("/v2/health/ready"), _compare("EQ", 200)), {"json_format": {"ready": True}}),
        _mapper(
            _all(_path("/v2/health/ready"), _compare("EQ", 503)), {"json_format": {"ready": False}}, retry_after=True
        ),
        _mapper(
            _all(_path_prefix("/-/"), silent),
            _error("control does not answer; replicas serve all the same. To start it again: longspan up"),
            retry_after=True,
        ),
    ]


def of_egress() -> list[dict[str, Any]]:
    """What callers of steps have to tell apart: a call that was cut off from one that nobody took."""
    cut = _mapper(_flags("UC", "UR"), _error(_CUT_OFF), retry_after=_AFTER)
    header = {"header": {"key": CUT, "value": "1"}, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"}
    return [cut | {"headers_to_add": [*cut["headers_to_add"], header]}]


def _mapper(
    what: dict[str, Any], body: dict[str, Any], *, status: int | None = None, retry_after: bool | str = False
) -> dict[str, Any]:
    mapper: dict[str, Any] = {"filter": what, "body_format_override": body}
    if status is not None:
        mapper["status_code"] = status
    if retry_after:
        header = {"key": "retry-after", "value": retry_after if isinstance(retry_after, str) else "1"}
        mapper["headers_to_add"] = [{"header": header, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"}]
    return mapper


def _error(text: str) -> dict[str, Any]:
    return {"json_format": {"error": text}}


def _flags(*flags: str) -> dict[str, Any]:
    return {"response_flag_filter": {"flags": list(flags)}}


def _compare(operator: str, status: int) -> dict[str, Any]:
    # Envoy asks for the name of a runtime key that could change the number; nobody sets this one.
    value = {"default_value": status, "runtime_key": "longspan.unset"}
    return {"status_code_filter": {"comparison": {"op": operator, "value": value}}}


def _path(path: str) -> dict[str, Any]:
    return {"header_filter": {"header": {"name": ":path", "string_match": {"exact": path}}}}


def _path_prefix(prefix: str) -> dict[str, Any]:
    return {"header_filter": {"header": {"name": ":path", "string_match": {"prefix": prefix}}}}


def _all(*filters: dict[str, Any]) -> dict[str, Any]:
    return {"and_filter": {"filters": list(filters)}}


def _any(*filters: dict[str, Any]) -> dict[str, Any]:
    return {"or_filter": {"filters": list(filters)}}
