"""Row normalization of node features."""

from torch_geometric.data import Data

from graphkit.errors import InputError
from graphkit.transforms.build import register_transform


@register_transform("normalize-features")
class NormalizeFeatures:
    """L1 normalization of every row of ``x``; rows of zeros are unchanged.

    Unlike the PyG transform of the same name, rows with a sum below one are scaled up and features are not shifted.
    """

    def __call__(self, data: Data) -> Data:
        """Returns the transformed graph."""
        if data.x is None or not data.x.is_floating_point():
            raise InputError("the transform 'normalize-features' needs float features; leave it out for this data set")
        total = data.x.abs().sum(dim=1, keepdim=True)
        data.x = data.x / total.masked_fill(total == 0, 1)
        return data

    def __repr__(self) -> str:
        return "NormalizeFeatures()"
