import pytest
import torch
from torch_geometric.data import Data

from graphkit.data import GraphCollection
from graphkit.errors import InputError


@pytest.mark.parametrize("wrong", [2, -1])
def test_a_path_stays_in_its_graph(wrong: int) -> None:
    def graph(num_nodes: int, path: list[list[int]]) -> Data:
        edge_index = torch.tensor([[0], [1]])
        x, y = torch.ones(num_nodes, 1), torch.zeros(1)
        return Data(x=x, edge_index=edge_index, path_index_1=torch.tensor(path), y=y)

    first = graph(3, [[0, 2], [1, 0]])
    assert len(GraphCollection.from_list([first, graph(2, [[0], [1]])])) == 2
    with pytest.raises(InputError, match=r"`path_index_1` must hold node ids from 0 to 1 in graph 1 .got the path"):
        GraphCollection.from_list([first, graph(2, [[wrong], [1]])])
