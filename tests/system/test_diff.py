"""What people read before they say yes."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from longspan.spec.units import ModelPin, Pins
from longspan.system.diff import diff
from longspan.system.records import Accepted, Change
from longspan.wire.orders import Described


def accepted(services: dict[str, Any], **pins: Any) -> Accepted:
    return Accepted(system={"services": services}, described=Described(), pins=Pins(**pins))


HELLO = accepted({"hello": {"settle": "10s", "steps": {"read": {"run": "steps:read"}, "name": {"model": "tiny"}}}})


def test_nothing_changes_between_a_system_and_itself() -> None:
    assert diff(HELLO, HELLO) == ()


def test_a_changed_setting_is_a_line_with_both_values() -> None:
    changed = accepted({"hello": HELLO.system["services"]["hello"] | {"settle": "30s"}})
    assert diff(HELLO, changed) == (Change("~", "services.hello.settle", "10s", "30s"),)


def test_a_number_is_no_truth_value() -> None:
    assert diff(None, accepted({"a": {"replicas": 1, "repeatable": True}})) == (
        Change("+", "services.a.replicas", "", "1"),
        Change("+", "services.a.repeatable", "", "true"),
    )


def test_the_order_of_steps_is_a_line_of_its_own() -> None:
    steps = HELLO.system["services"]["hello"]["steps"]
    turned = accepted({"hello": {"settle": "10s", "steps": dict(reversed(steps.items()))}})
    assert diff(HELLO, turned) == (Change("~", "services.hello.steps", "read > name", "name > read"),)


def test_a_list_is_one_line() -> None:
    before, after = accepted({"hello": {"order": ["read", "name"]}}), accepted({"hello": {"order": ["name", "read"]}})
    assert diff(before, after) == (Change("~", "services.hello.order", "read, name", "name, read"),)


def test_what_a_list_holds_is_shown_as_in_the_file_and_nothing_is_no_line() -> None:
    hours = {"at": "mon-fri 08:00-18:00 Europe/Berlin", "min": 3}
    before, after = accepted({"hello": {"schedules": []}}), accepted({"hello": {"schedules": [hours, hours]}})
    assert diff(None, before) == ()
    shown = "{at: mon-fri 08:00-18:00 Europe/Berlin, min: 3}"
    assert diff(before, after) == (Change("+", "services.hello.schedules", "", f"{shown}, {shown}"),)


def test_new_and_gone_parts_show_all_their_lines() -> None:
    other = accepted({"other": {"settle": "1s"}})
    assert diff(None, other) == (Change("+", "services.other.settle", "", "1s"),)
    assert [(c.kind, c.at) for c in diff(HELLO, other)] == [
        ("+", "services.other.settle"),
        ("-", "services.hello.settle"),
        ("-", "services.hello.steps"),
        ("-", "services.hello.steps.read.run"),
        ("-", "services.hello.steps.name.model"),
    ]


def test_a_changed_byte_of_code_or_model_names_the_file() -> None:
    before = replace(
        HELLO, pins=Pins(files={"steps.py": "a" * 64}, models={"m": ModelPin(digest="b" * 64, size_bytes=5)})
    )
    after = replace(
        HELLO, pins=Pins(files={"steps.py": "c" * 64}, models={"m": ModelPin(digest="d" * 64, size_bytes=5)})
    )
    assert [(c.at, c.before, c.after) for c in diff(before, after)] == [
        ("models.m.file", "sha256:bbbbbbbbbbbb 5B", "sha256:dddddddddddd 5B"),
        ("code/steps.py", "sha256:aaaaaaaaaaaa", "sha256:cccccccccccc"),
    ]


def test_a_changed_secret_says_so_and_shows_nothing_of_it() -> None:
    before, after = accepted({}, secrets={"KEY": "hmac:1111"}), accepted({}, secrets={"KEY": "hmac:2222"})
    assert diff(before, after) == (Change("~", "secrets.KEY", "a value", "another value"),)
    assert "2222" not in repr(diff(None, after))
