"""What the data sets that are one graph with labeled nodes have in common."""

import numpy as np
import torch
from torch import Tensor
from torch_geometric.data import Data

from graphkit.data.dataset import GraphDataset
from graphkit.data.labels import classes_of_numbers, labeled_items
from graphkit.data.splits import splits_from_masks
from graphkit.errors import InputError

MASKS = ("train_mask", "val_mask", "test_mask")


def from_masks(name: str, data: Data, citation: str) -> GraphDataset:
    """Describes one graph with classes ``y`` ``[N]``; its masks, where it has all three, become the splits.

    Args:
        name: Name of the data set.
        data: The graph; -1 or NaN in ``y`` marks a node without a label, which is left out of the splits.
        citation: One line on where it comes from.

    Raises:
        InputError: If the masks are not as long as ``y``, or ``y`` does not hold class numbers without gaps.
    """
    y, num_classes = classes_of_numbers(data.y.view(-1).numpy(), where="the labels")
    masks = [data[mask] for mask in MASKS if mask in data]
    if len({mask.shape for mask in masks}) > 1 or any(mask.size(0) != y.numel() or not mask.numel() for mask in masks):
        shapes = ", ".join(str(list(mask.shape)) for mask in masks)
        raise InputError(f"masks must have {y.numel()} rows, one per node, and one column per split (got {shapes})")
    labeled = labeled_items(y)
    masks = [mask.bool() & (labeled if mask.dim() == 1 else labeled[:, None]) for mask in masks]
    x = data.x.to_dense() if data.x.layout != torch.strided else data.x
    return GraphDataset(
        name=name,
        task="node-classification",
        graphs=(Data(x=x.float(), edge_index=data.edge_index, y=y),),
        splits=splits_from_masks(*masks) if len(masks) == len(MASKS) else (),
        num_features=x.size(1),
        num_outputs=num_classes,
        metric="accuracy",
        citation=citation,
    )


def bool_mask(values: np.ndarray, shape: tuple[int, ...], name: str) -> Tensor:
    """Turns 0 and 1, or booleans, into a mask.

    Raises:
        InputError: If it has another shape or other values.
    """
    if values.shape != shape:
        raise InputError(f"{name} must have the shape {list(shape)} (got {list(values.shape)})")
    if values.dtype.kind != "b" and not bool(np.isin(values, (0, 1)).all()):
        raise InputError(f"{name} must hold 0 and 1 alone")
    return torch.from_numpy(values.astype(bool))
