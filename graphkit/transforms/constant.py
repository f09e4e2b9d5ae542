"""Constant node feature."""

import torch
from torch_geometric.data import Data

from graphkit.transforms.build import register_transform
from graphkit.transforms.columns import append_columns, column_type


@register_transform("constant")
class Constant:
    """Constant column of node features.

    Args:
        value (float, optional): Value of the column. (default: ``1.0``)
    """

    def __init__(self, value: float = 1.0) -> None:
        self.value = float(value)

    def __call__(self, data: Data) -> Data:
        """Returns the transformed graph."""
        column = torch.full((int(data.num_nodes or 0), 1), self.value, dtype=column_type(data))
        return append_columns(data, column, "constant")

    def __repr__(self) -> str:
        return f"Constant({self.value:g})"
