"""The data of a phase, for models that train in phases."""

from collections.abc import Callable
from copy import copy

import torch
from torch_geometric.data import Data

from graphkit.data import GraphCollection, GraphDataset


def phase_dataset(
    dataset: GraphDataset, make: Callable[[Data], Data | None], device: torch.device
) -> GraphDataset | None:
    """Returns the data set with its graphs as a model wants them in a phase.

    Args:
        dataset: The data set as it was loaded.
        make: The model's ``begin_phase`` or ``prepare``; called once, with the only graph or the union of all.
        device: Where the model is.

    Returns:
        The data set, or ``None`` if ``make`` returns that.
    """
    graphs = dataset.graphs
    if not isinstance(graphs, GraphCollection):
        single = make(copy(graphs[0]).to(device))
        return None if single is None else dataset.replace(graphs=(single,))
    union = make(graphs.union().to(device))
    if union is None:
        return None
    return dataset.replace(graphs=GraphCollection.from_union(union.to("cpu"), len(graphs), like=graphs))
