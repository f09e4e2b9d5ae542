"""What the data sets that are one graph with labelled nodes have in common."""

import torch
from torch_geometric.data import Data

from graphkit.data.dataset import GraphDataset
from graphkit.data.splits import splits_from_masks

MASKS = ("train_mask", "val_mask", "test_mask")


def from_masks(name: str, data: Data, citation: str, metric: str = "accuracy") -> GraphDataset:
    """Describes one graph with classes ``y`` ``[N]``; its masks, where it has all three, become the splits.

    Args:
        name: Name of the data set.
        data: The graph as PyG's loader gives it.
        citation: One line on where it comes from.
        metric: Name of the score.
    """
    splits = splits_from_masks(*(data[mask] for mask in MASKS)) if all(mask in data for mask in MASKS) else ()
    x = data.x.to_dense() if data.x.layout != torch.strided else data.x
    graph = Data(x=x.float(), edge_index=data.edge_index, y=data.y.long())
    return GraphDataset(
        name=name,
        task="node-classification",
        graphs=(graph,),
        splits=splits,
        num_features=x.size(1),
        num_outputs=int(data.y.max()) + 1,
        metric=metric,
        citation=citation,
    )
