"""Givers before takers, the file's order where that is free, and the way round a ring."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from longspan.spec.order import ordered, ring


def test_the_file_decides_where_nothing_else_does() -> None:
    assert ordered({"c": (), "a": (), "b": ()}) == ("c", "a", "b")
    assert ordered({"last": ("b",), "a": (), "b": ("a",), "c": ()}) == ("a", "b", "last", "c")


def test_who_waits_in_a_ring_or_for_one_is_left_out() -> None:
    assert ordered({"a": ("b",), "b": ("a",), "c": ("a",), "d": ()}) == ("d",)


def test_the_way_round_a_ring_is_the_shortest() -> None:
    needs = {"a": ("b", "c"), "b": ("c",), "c": ("d", "a"), "d": ("a",), "e": ("a",)}
    assert ring(needs, "a", "b") == ("b", "c", "a")
    assert ring(needs, "a", "a") == ("a",)
    assert ring(needs, "e", "a") == ()


names = "abcdef"
graphs = st.dictionaries(st.sampled_from(names), st.lists(st.sampled_from(names), max_size=3), min_size=1).map(
    lambda graph: {step: [other for other in others if other in graph] for step, others in graph.items()}
)


@given(graphs)
def test_each_stands_after_all_it_needs_and_exactly_the_steps_behind_a_ring_are_left_out(
    graph: dict[str, list[str]],
) -> None:
    order = ordered(graph)
    for place, step in enumerate(order):
        assert set(graph[step]) <= set(order[:place])
    in_rings = {step for step in graph for giver in graph[step] if ring(graph, step, giver)}
    behind = {step for step in graph if any(ring(graph, looped, step) for looped in in_rings)}
    assert set(graph) - set(order) == in_rings | behind


@given(graphs)
def test_no_two_neighbours_could_be_swapped_to_be_nearer_to_the_file(graph: dict[str, list[str]]) -> None:
    order, file = ordered(graph), list(graph)
    for one, next_one in pairwise(order):
        assert one in graph[next_one] or file.index(one) < file.index(next_one)
