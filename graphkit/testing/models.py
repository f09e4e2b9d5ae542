"""What any model must hold to."""

import torch
from torch import Tensor
from torch_geometric.data import Batch, Data

from graphkit.nn import GraphModel
from graphkit.testing.layers import random_graph


def random_graphs(num_features: int, sizes: tuple[int, ...] = (7, 1, 12), seed: int = 0) -> list[Data]:
    """Returns small random graphs, one of them a single node without an edge."""
    generator = torch.Generator().manual_seed(seed)
    graphs = []
    for number, size in enumerate(sizes):
        edge_index = random_graph(size, 3 * size, seed + number) if size > 1 else torch.empty(2, 0, dtype=torch.long)
        graphs.append(Data(x=torch.rand(size, num_features, generator=generator), edge_index=edge_index))
    return graphs


@torch.no_grad()
def check_model(model: GraphModel, num_features: int, tolerance: float = 1e-5) -> None:
    """Checks that a model in evaluation mode treats the graphs of a batch as it treats each by itself.

    Args:
        model: A model that takes ``[N, num_features]`` features.
        num_features: Its input width.
        tolerance: Largest difference that is let pass.

    Raises:
        AssertionError: If the model fails; the message says in what.
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
