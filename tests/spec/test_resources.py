"""Whether a machine can hold what its replicas are granted, told with the numbers."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from longspan.spec.resources import GIB, Resources, over_budget
from longspan.spec.units import Unit
from longspan.wire.orders import Work


def unit(name: str, cpu: float = 0.0, memory_bytes: int = 0) -> Unit:
    return Unit(
        work=Work(unit=name, cpu=cpu),
        digest=name,
        replicas=1,
        ready_within_seconds=60,
        settle_seconds=10,
        memory_bytes=memory_bytes,
    )


READ_TEXT = (unit("read-text", 0.5, GIB), unit("read-text.recognise", 1, GIB // 2), unit("hello"))


def test_replicas_that_fit_are_granted() -> None:
    assert over_budget(READ_TEXT, {"read-text": 2, "read-text.recognise": 1, "hello": 64}, 2, 4 * GIB) is None


def test_what_does_not_fit_is_refused_with_the_numbers_and_what_weighs_most() -> None:
    refused = over_budget(READ_TEXT, {"read-text": 2, "read-text.recognise": 5, "hello": 1}, 2, 4 * GIB)
    assert refused is not None
    assert str(refused) == (
        "resources: replicas are granted 6 of 2 cores and 4.5GiB of 4GiB of memory. "
        "Lower what read-text.recognise is granted, or its replicas\n"
        "    unit                 replicas  cpu  memory\n"
        "    read-text                   2  0.5    1GiB\n"
        "    read-text.recognise         5    1  0.5GiB\n"
        "    together                         6  4.5GiB\n"
        "    this machine                     2    4GiB"
    )
    assert refused.exit_code == 4


def test_memory_alone_can_be_too_much() -> None:
    refused = over_budget((unit("a", memory_bytes=GIB), unit("b", 1)), {"a": 5, "b": 1}, 2, 4 * GIB)
    assert refused is not None
    assert refused.problem == "replicas are granted 5GiB of 4GiB of memory"
    assert "a is granted" in refused.remedy


def test_a_whole_number_of_cores_stays_one() -> None:
    assert str(Resources.model_validate({"cpu": 2}).model_dump(mode="json")["cpu"]) == "2"
    assert Resources.model_validate({"cpu": 0.5}).model_dump(mode="json")["cpu"] == 0.5


def test_many_small_shares_that_make_up_the_machine_exactly_fit() -> None:
    assert over_budget([unit("a", 0.1)], {"a": 20}, 2, GIB) is None


claims = st.lists(st.tuples(st.sampled_from([0.0, 0.1, 0.5, 1.0, 3.0]), st.integers(0, 3 * GIB)), max_size=4)


@given(claims, st.lists(st.integers(0, 5), min_size=4, max_size=4), st.integers(1, 8), st.integers(1, 16 * GIB))
def test_it_is_refused_exactly_when_one_of_the_sums_is_beyond(
    shares: list[tuple[float, int]], counts: list[int], cores: int, memory_bytes: int
) -> None:
    units = [unit(str(at), cpu, memory) for at, (cpu, memory) in enumerate(shares)]
    wanted = {str(at): count for at, count in enumerate(counts)}
    tenths = sum(round(cpu * 10) * n for (cpu, _), n in zip(shares, counts, strict=False))
    fits = tenths <= cores * 10 and sum(m * n for (_, m), n in zip(shares, counts, strict=False)) <= memory_bytes
    assert (over_budget(units, wanted, cores, memory_bytes) is None) is fits
