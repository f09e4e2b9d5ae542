import pytest
import torch
from torch_geometric.data import Data

from graphkit.data.checks import check_dataset
from graphkit.data.collection import GraphCollection
from graphkit.data.dataset import GraphDataset, Split
from graphkit.errors import InputError


def split(train: list[int], val: list[int], test: list[int]) -> Split:
    return Split(*(torch.tensor(ids, dtype=torch.long) for ids in (train, val, test)))


def graph(**changes: object) -> GraphDataset:
    edges = changes.pop("edge_index", [[0, 1], [1, 2]])
    x, y = changes.pop("x", torch.ones(4, 2)), changes.pop("y", torch.tensor([0, 1, -1, 1]))
    data = Data(x=x, y=y, edge_index=torch.tensor(edges))
    fields = {"splits": (split([0], [1], [3]),), "num_outputs": 2, "task": "node-classification", **changes}
    return GraphDataset("any", graphs=(data,), num_features=2, metric="accuracy", **fields)  # type: ignore[arg-type]


def test_a_right_graph_passes() -> None:
    check_dataset(graph())
    check_dataset(graph(splits=(split([0], [], [3]),)))
    check_dataset(graph(splits=(split([0], [3], [3]),), protocol="test"))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"edge_index": [[0, 1], [1, 4]]}, "edge 1 joins 1 and 4, but nodes are numbered 0 to 3"),
        ({"edge_index": [[0, -1], [1, 2]]}, "edge 1 joins -1 and 2"),
        ({"x": torch.tensor([[0.0, 1], [2, float("nan")], [0, 0], [0, 0]])}, "feature 1 of node 1 .*got nan"),
        ({"x": torch.tensor([[0.0, 1], [float("inf"), 0], [0, 0], [0, 0]])}, "feature 0 of node 1 .*got inf"),
        ({"y": torch.tensor([0, 1, 2, 1])}, "labels must be from 0 to 1, or -1 for none .got 0 to 2"),
        ({"y": torch.tensor([0, 1, -2, 1])}, "got -2 to 1"),
        ({"y": torch.tensor([-1, -1, -1, -1])}, "no item has a label"),
        ({"y": torch.tensor([0, 1])}, "those of 4 nodes .got 2 labels"),
        ({"splits": (split([0, 1], [1], [3]),)}, "item 1 more than once, in train and val .1 such"),
        ({"splits": (split([0], [1], [3]), split([0], [1], [3, 0]))}, "split 1 has item 0 .* in train and test"),
        ({"splits": (split([0, 0], [1], [3]),)}, "item 0 more than once, in train "),
        ({"splits": (split([0], [1], [4]),)}, "items from 0 to 3 in its test part .got 4 to 4"),
        ({"splits": (split([], [1], [3]),)}, "no training item"),
        ({"splits": (split([0], [1], []),)}, "no test item"),
        ({"y": torch.tensor([[0.0], [1], [2], [0]]), "num_outputs": 1}, "must be 0, 1 or absent .got 2.0"),
    ],
)
def test_wrong_graphs_are_refused(changes: dict, message: str) -> None:
    with pytest.raises(InputError, match=message):
        check_dataset(graph(**changes))


def test_a_collection_is_checked_graph_by_graph() -> None:
    def collection(edge_index: list, num_nodes: list[int]) -> GraphDataset:
        num_edges = torch.tensor([1, len(edge_index[0]) - 1])
        graphs = GraphCollection(
            torch.tensor(edge_index), torch.tensor(num_nodes), num_edges,
            node={"x": torch.ones(sum(num_nodes), 1)}, graph={"y": torch.tensor([0, 1])},
        )  # fmt: skip
        return graph(splits=(split([0], [], [1]),)).replace(graphs=graphs, task="graph-classification")

    check_dataset(collection([[0, 0], [1, 1]], [2, 2]))
    with pytest.raises(InputError, match="graph 1 joins 0 and 2"):
        check_dataset(collection([[0, 0], [1, 2]], [2, 2]))
    with pytest.raises(InputError, match="graph 1 has no node .1 such"):
        check_dataset(collection([[0], [1]], [4, 0]))
