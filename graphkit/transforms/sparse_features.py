"""Sparse storage of node features."""

import warnings

from torch_geometric.data import Data

from graphkit.errors import InputError
from graphkit.transforms.build import register_transform


@register_transform("sparse-features")
class SparseFeatures:
    """Conversion of ``x`` to a sparse CSR matrix, such as for bag-of-words features.

    The transform applies to a single graph and must come after all transforms of features.
    """

    def __call__(self, data: Data) -> Data:
        """Returns the transformed graph."""
        if data.x is None or not data.x.is_floating_point() or data.x.dim() != 2:
            raise InputError("the transform 'sparse-features' needs float features; leave it out for this data set")
        if "batch" in data:
            raise InputError("the transform 'sparse-features' is for one graph; leave it out for sets of graphs")
        with warnings.catch_warnings():  # PyTorch warns once that its CSR support is in beta
            warnings.filterwarnings("ignore", message="Sparse CSR tensor support")
            data.x = data.x.to_sparse_csr()
        return data

    def __repr__(self) -> str:
        return "SparseFeatures()"
