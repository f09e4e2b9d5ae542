"""Feature rows that sum to one."""

from torch_geometric.data import Data

from graphkit.errors import InputError
from graphkit.transforms.build import register_transform


@register_transform("normalize-features")
class NormalizeFeatures:
    """Divides every row of ``x`` by the sum of its magnitudes; a row of zeros stays as it is.

    For bags of words this is the share of each word. Differs from PyG's transform of that name in that rows whose sum
    is below one are scaled up too, and in that features are not shifted.
    """

    def __call__(self, data: Data) -> Data:
        if data.x is None or not data.x.is_floating_point():
            raise InputError("the transform 'normalize-features' needs float features; leave it out for this data set")
        total = data.x.abs().sum(dim=1, keepdim=True)
        data.x = data.x / total.masked_fill(total == 0, 1)
        return data

    def __repr__(self) -> str:
        return "NormalizeFeatures()"
