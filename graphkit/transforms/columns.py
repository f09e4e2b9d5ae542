"""Helpers of transforms: plain edges, edge attributes and feature columns."""

import torch
from torch import Tensor
from torch_geometric import EdgeIndex
from torch_geometric.data import Data

from graphkit.errors import InputError
from graphkit.nn.attribute_level import attribute_level


def plain_edge_index(data: Data) -> Tensor:
    """Returns the edges of a graph as a plain tensor ``[2, E]``; empty if it has none."""
    edge_index = data.edge_index
    if edge_index is None:
        return torch.empty(2, 0, dtype=torch.long)
    return edge_index.as_tensor() if isinstance(edge_index, EdgeIndex) else edge_index


def edge_attributes(data: Data) -> list[str]:
    """Returns the names of the attributes that have one row per edge."""
    return [name for name in data.to_dict() if attribute_level(data, name) == "edge"]


def append_columns(data: Data, columns: Tensor, name: str) -> Data:
    """Appends columns to the node features, which may be absent.

    Raises:
        InputError: If the features are integer categories, which a model embeds.
    """
    x = data.x
    if x is None:
        data.x = columns
        return data
    if x.dim() == 1:
        raise InputError(
            f"the transform '{name}' cannot add columns to integer categories; leave it out for this data set"
        )
    dtype = x.dtype if x.is_floating_point() else torch.promote_types(x.dtype, columns.dtype)
    data.x = torch.cat([x.to(dtype), columns.to(dtype)], dim=1)
    return data


def column_type(data: Data) -> torch.dtype:
    """Returns the dtype of new columns: that of the features if it is a float type."""
    x = data.x
    return x.dtype if x is not None and x.dtype in (torch.float32, torch.float64) else torch.get_default_dtype()
