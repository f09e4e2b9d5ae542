"""Helpers for data sets of one graph with labeled nodes."""

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
    """Creates a data set from one graph with classes ``y`` ``[N]`` and split masks.

    Args:
        name (str): Name of the data set.
        data (Data): The graph; unlabeled nodes (-1 or NaN in ``y``) are removed from the splits.
        citation (str): Origin of the data.

    Raises:
        InputError: If the length of a mask is wrong, or ``y`` does not contain classes without gaps.
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
    """Converts 0 and 1, or booleans, to a mask.

    Raises:
        InputError: If the shape or a value is wrong.
    """
    if values.shape != shape:
        raise InputError(f"{name} must have the shape {list(shape)} (got {list(values.shape)})")
    if values.dtype.kind != "b" and not bool(np.isin(values, (0, 1)).all()):
        raise InputError(f"{name} must hold 0 and 1 alone")
    return torch.from_numpy(values.astype(bool))
