"""Conformance checks of models."""

import torch
from torch import Tensor
from torch_geometric.data import Batch, Data

from graphkit.nn import GraphModel
from graphkit.testing.layers import random_graph


def random_graphs(num_features: int, sizes: tuple[int, ...] = (7, 1, 12), seed: int = 0) -> list[Data]:
    """Returns small random graphs, one of them a single node without edges.

    Args:
        num_features (int): Number of node features.
        sizes (tuple[int, ...], optional): Numbers of nodes. (default: ``(7, 1, 12)``)
        seed (int, optional): Random seed. (default: ``0``)
    """
    generator = torch.Generator().manual_seed(seed)
    graphs = []
    for number, size in enumerate(sizes):
        edge_index = random_graph(size, 3 * size, seed + number) if size > 1 else torch.empty(2, 0, dtype=torch.long)
        graphs.append(Data(x=torch.rand(size, num_features, generator=generator), edge_index=edge_index))
    return graphs


@torch.no_grad()
def check_model(model: GraphModel, num_features: int, tolerance: float = 1e-5) -> None:
    """Checks that the output for a graph is independent of the rest of its batch.

    Args:
        model (GraphModel): Model with node features ``[N, num_features]``; it is set to evaluation mode.
        num_features (int): Input width.
        tolerance (float, optional): Largest absolute difference. (default: ``1e-5``)

    Raises:
        AssertionError: If a check fails, with its name.
    """
    model.eval()
    graphs = random_graphs(num_features)
    together: Tensor = model(**model.inputs(Batch.from_data_list(graphs)))
    alone = torch.cat([model(**model.inputs(Batch.from_data_list([graph]))) for graph in graphs])
    name = type(model).__name__
    assert together.shape == alone.shape, f"{name}: a batch gives {tuple(together.shape)}, singles {tuple(alone.shape)}"
    error = float((together - alone).abs().max())
    assert error <= tolerance, f"{name}: a graph's output depends on its batch by {error:.1e}"
    again: Tensor = model(**model.inputs(Batch.from_data_list(graphs)))
    assert torch.equal(together, again), f"{name}: two calls in evaluation mode differ"
