import pytest
import torch

from graphkit.data import GraphCollection
from graphkit.sampling import GraphLoader
from graphkit.testing import random_graphs


def collection() -> GraphCollection:
    graphs = random_graphs(3, sizes=(5, 4, 6, 3, 7))
    for number, data in enumerate(graphs):
        data.y = torch.tensor([number])
    return GraphCollection.from_list(graphs)


def test_goes_through_the_given_graphs_in_order() -> None:
    loader = GraphLoader(collection(), torch.tensor([4, 0, 2]), batch_size=2)
    assert [batch.y.tolist() for batch in loader] == [[4, 0, 2]] and len(loader) == 1  # none is left alone
    loader = GraphLoader(collection(), torch.tensor([4, 0, 2, 1]), batch_size=2)
    assert [batch.y.tolist() for batch in loader] == [[4, 0], [2, 1]] and len(loader) == 2
    first, second = (list(loader) for _ in range(2))
    assert first[0] is second[0]  # batches that never change are made once


def test_shuffling_depends_on_the_generator_alone() -> None:
    def orders(seed: int) -> list[list[int]]:
        loader = GraphLoader(collection(), torch.arange(5), 5, True, torch.Generator().manual_seed(seed))
        return [next(iter(loader)).y.tolist() for _ in range(3)]

    assert orders(0) == orders(0) and orders(0) != orders(1)
    assert all(sorted(order) == [0, 1, 2, 3, 4] for order in orders(0)) and len({*map(tuple, orders(0))}) > 1


def test_an_empty_batch_size_is_refused() -> None:
    with pytest.raises(ValueError, match="`batch_size` must be at least 1 \\(got 0\\)"):
        GraphLoader(collection(), torch.arange(5), 0)


def test_batches_are_made_again_once_what_they_are_made_of_changes() -> None:
    graphs = collection()
    loader = GraphLoader(graphs, torch.tensor([4, 0, 2, 1]), batch_size=2)
    first = list(loader)
    graphs.graph["y"].add_(10)
    assert [batch.y.flatten().tolist() for batch in loader] == [[14, 10], [12, 11]]
    loader.ids.copy_(torch.tensor([3, 3, 3, 3]))
    assert [batch.y.flatten().tolist() for batch in loader] == [[13, 13], [13, 13]]
    assert first[0].y.flatten().tolist() == [4, 0]
