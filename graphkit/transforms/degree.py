"""In-degrees as node features."""

import torch
from torch_geometric.data import Data

from graphkit.errors import InputError
from graphkit.transforms.build import register_transform
from graphkit.transforms.columns import append_columns, column_type, plain_edge_index


@register_transform("degree")
class Degree:
    """Column of in-degrees, appended to the node features.

    Self loops are counted if they exist when the transform is applied.

    Args:
        one_hot (int, optional): If positive, encodes the degree as a one-hot row of this width; larger degrees share
            the last column. ``{degree: 150}`` sets this option. (default: ``0``)
    """

    def __init__(self, one_hot: int = 0) -> None:
        if one_hot < 0:
            raise InputError(f"`one_hot` must be 0 or a width (got {one_hot})")
        self.one_hot = one_hot

    def __call__(self, data: Data) -> Data:
        """Returns the transformed graph."""
        degree = torch.bincount(plain_edge_index(data)[1], minlength=int(data.num_nodes or 0))
        if not self.one_hot:
            return append_columns(data, degree.to(column_type(data)).unsqueeze(1), "degree")
        columns = torch.zeros(degree.numel(), self.one_hot, device=degree.device)
        columns.scatter_(1, degree.clamp(max=self.one_hot - 1).unsqueeze(1), 1.0)
        return append_columns(data, columns, "degree")

    def __repr__(self) -> str:
        return f"Degree(one_hot={self.one_hot})"
