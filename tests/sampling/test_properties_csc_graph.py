"""CSC graphs and relabelings, against lists and dictionaries."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from graphkit.errors import InputError
from graphkit.sampling.csc_graph import CSCGraph, NodeRelabeler
from tests.properties import SEEDS, edges, unique_nodes


def into(edge_index: Tensor, node: int) -> list[int]:
    """Returns the positions of the edges into a node, in the order of the input."""
    return [edge for edge, target in enumerate(edge_index[1].tolist()) if target == node]


@given(graph=edges(), data=st.data())
def test_edges_are_grouped_by_target_in_the_order_of_the_input(graph: tuple[Tensor, int], data: st.DataObject) -> None:
    edge_index, num_nodes = graph
    csc = CSCGraph(edge_index, num_nodes)
    targets = edge_index[1].tolist()
    assert (csc.order is None) == (targets == sorted(targets))
    assert csc.ptr.diff().tolist() == [targets.count(node) for node in range(num_nodes)]
    nodes = data.draw(st.lists(st.integers(0, num_nodes - 1)))  # a node may be asked for twice
    places, counts = csc.into(torch.tensor(nodes, dtype=torch.long))
    expected = [into(edge_index, node) for node in nodes]
    assert csc.given(places).tolist() == sum(expected, [])
    assert counts.tolist() == [len(part) for part in expected]
    assert torch.equal(csc.row[places], edge_index[0, csc.given(places)])


@given(graph=edges(most_nodes=4), most=st.integers(1, 6), seed=SEEDS, data=st.data())
def test_drawn_edges_are_some_of_those_into_each_node(
    graph: tuple[Tensor, int], most: int, seed: int, data: st.DataObject
) -> None:
    edge_index, num_nodes = graph
    csc, nodes = CSCGraph(edge_index, num_nodes), data.draw(unique_nodes(num_nodes))
    places, counts = csc.some_into(nodes, most, torch.Generator().manual_seed(seed))
    for node, part in zip(nodes.tolist(), csc.given(places).split(counts.tolist()), strict=True):
        every, drawn = into(edge_index, node), part.tolist()
        assert len(drawn) == min(len(every), most)
        assert sorted(set(drawn)) == drawn and set(drawn) <= set(every)
    again, _ = csc.some_into(nodes, most, torch.Generator().manual_seed(seed))
    assert torch.equal(again, places)


@given(graph=edges(), data=st.data())
def test_an_edge_to_a_node_that_is_not_there_is_refused(graph: tuple[Tensor, int], data: st.DataObject) -> None:
    edge_index, num_nodes = graph
    wrong = torch.full((2, 1), data.draw(st.integers(0, num_nodes - 1)))
    wrong[data.draw(st.integers(0, 1)), 0] = data.draw(st.integers(num_nodes, 2**62) | st.integers(-(2**62), -1))
    with pytest.raises(InputError, match=f"must hold node ids from 0 to {num_nodes - 1} "):
        CSCGraph(torch.cat([edge_index, wrong], dim=1), num_nodes)


@given(num_nodes=st.integers(1, 12), data=st.data())
def test_new_ids_are_a_bijection_in_order_of_insertion(num_nodes: int, data: st.DataObject) -> None:
    table = torch.full((num_nodes,), -1, dtype=torch.int32)
    first = data.draw(unique_nodes(num_nodes))
    parts = data.draw(st.lists(st.lists(st.integers(0, num_nodes - 1)), max_size=4))
    expected = first.tolist()
    with NodeRelabeler(table) as number:
        number.begin(first)
        for part in parts:
            fresh = sorted(set(part) - set(expected))
            assert number.add(torch.tensor(part, dtype=torch.long)).tolist() == fresh
            expected += fresh
            with number.aside(), NodeRelabeler(table) as other:  # the table is free for another one meanwhile
                other.begin(torch.arange(num_nodes).flip(0))
                assert other.of(torch.tensor([0])).item() == num_nodes - 1
            assert number.nodes.tolist() == expected and len(number) == len(expected)
            assert number.of(number.nodes).tolist() == list(range(len(expected)))
            absent = sorted(set(range(num_nodes)) - set(expected))
            assert number.of(torch.tensor(absent, dtype=torch.long)).tolist() == [-1] * len(absent)
    assert bool((table == -1).all())
