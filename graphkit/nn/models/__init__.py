"""Models, one per file, registered by ``@register_model(name)``."""

from typing import TYPE_CHECKING

from graphkit.lazy import attach

if TYPE_CHECKING:
    from graphkit.nn.models.dgcnn import DGCNN
    from graphkit.nn.models.factorgcn import FactorGCN
    from graphkit.nn.models.gat import GAT
    from graphkit.nn.models.gatv2 import GATv2
    from graphkit.nn.models.gcn import GCN
    from graphkit.nn.models.gin import GIN
    from graphkit.nn.models.gine import GINE
    from graphkit.nn.models.graph_model import GraphModel
    from graphkit.nn.models.mlp import MLP
    from graphkit.nn.models.sage import SAGE
    from graphkit.nn.models.skeleton_model import SkeletonModel
    from graphkit.nn.models.spagan import SPAGAN
    from graphkit.nn.models.st_gcn import STGCN
    from graphkit.nn.models.stigcn import STIGCN

__all__ = [
    "DGCNN",
    "GAT",
    "GCN",
    "GIN",
    "GINE",
    "MLP",
    "SAGE",
    "SPAGAN",
    "STGCN",
    "STIGCN",
    "FactorGCN",
    "GATv2",
    "GraphModel",
    "SkeletonModel",
]

#: Module of each export.
_MODULES = {
    "FactorGCN": "factorgcn",
    "GraphModel": "graph_model",
    "SkeletonModel": "skeleton_model",
    "STGCN": "st_gcn",
    **{
        name: name.lower()
        for name in ("DGCNN", "GAT", "GATv2", "GCN", "GIN", "GINE", "MLP", "SAGE", "SPAGAN", "STIGCN")
    },
}


__getattr__, __dir__ = attach(__name__, {name: f"{__name__}.{module}" for name, module in _MODULES.items()})
