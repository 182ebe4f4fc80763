"""Can policies be compared on the same arrivals, from the command line too?"""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.queue_model import Arrivals, Worker, simulate
from benchmarks.queue_model.__main__ import main
from benchmarks.queue_model.arrivals import always, made, poisson, read
from benchmarks.queue_model.policy import PolicyScaler, read_policy
from benchmarks.queue_model.shapes import steps
from longspan.base.errors import Invalid, LongspanError
from longspan.spec.scaling import Policy

SERVICE = 0.02


def doubled() -> Arrivals:
    """One minute at half a replica's load, then three minutes at two replicas' load."""
    rate = steps((25, 100, 100, 100), 60)
    return made("doubled", poisson(rate, 240, 1, 100), always(SERVICE), 1)


def test_the_scaler_grows_for_the_load_and_the_one_with_the_lower_set_point_has_more_and_waits_less() -> None:
    found = {}
    for cpu in (0.5, 0.9):
        policy = Policy(min=1, max=8, cpu=cpu, queue_wait_seconds=None)
        found[cpu] = simulate(doubled(), Worker(start_seconds=1), scaler=PolicyScaler(policy))
    # 2 / 0.5 and 2 / 0.9 replicas, and it is the load's doubling that made them grow.
    assert found[0.5].moments[-1].ready >= 4
    assert 2 < found[0.9].moments[-1].ready <= found[0.5].moments[-1].ready
    assert all(one.at > 60 for one in found[0.9].decided)
    assert found[0.5].percentile(0.95) < found[0.9].percentile(0.95)
    assert found[0.5].replica_seconds() > found[0.9].replica_seconds()


def test_a_fixed_count_that_is_too_small_waits_where_the_scaler_does_not() -> None:
    fixed = simulate(doubled(), replicas=1)
    scaled = simulate(doubled(), scaler=PolicyScaler(Policy(min=1, max=8)))
    assert scaled.percentile(0.95, 120) < 0.1 * fixed.percentile(0.95, 120)


def test_the_command_compares_policies_and_keeps_the_arrivals(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    now, braver = tmp_path / "now.yaml", tmp_path / "braver.yaml"
    now.write_text("scaling: {min: 1, max: 4}\n")
    braver.write_text("{min: 1, max: 4, cpu: 95%}\n")
    kept = tmp_path / "kept.json"
    asked = ["--with", str(now), "--with", str(braver), "--fixed", "2"]
    assert main(["made:steps", "--rate", "10", "--to", "80", "--seconds", "80", "--write", str(kept), *asked]) == 0
    first = capsys.readouterr().out
    assert main([str(kept), *asked]) == 0
    again = capsys.readouterr().out
    assert again == first
    for word in (
        "| now ",
        "| braver ",
        "| 2 fixed",
        "offered",
        "ready (replicas)",
        "p95 (ms)",
        "now decided:",
        "A model",
    ):
        assert word in first
    assert read(kept).name == "steps"


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["made:square"], "no such shape: 'square'"),
        (["made:steady", "--service", "20"], "is not a duration"),
        (["made:steady", "--rate", "0", "--to", "0"], "must be positive"),
        (["made:steady", "--seconds", "5", *["--fixed", "1"] * 5], "name at most 4"),
        (["none.json"], "cannot be read"),
        (["made:steady", "--with", "none.yaml"], "cannot be read"),
    ],
)
def test_arguments_that_make_no_sense_are_told_in_words(
    arguments: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    assert told in capsys.readouterr().err


def test_a_policy_that_is_wrong_is_complained_about_with_its_position(tmp_path: Path) -> None:
    path = tmp_path / "policy.yaml"
    path.write_text("min: 9\nmax: 8\n")
    with pytest.raises(Invalid, match=r"policy.yaml:2:6: max is 8, below min \(9\)"):
        read_policy(path)
    with pytest.raises(LongspanError, match="cannot be read"):
        read_policy(tmp_path / "none.yaml")
