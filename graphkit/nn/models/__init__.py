"""Full models, one per file; ``@register_model(name)`` on the class is the whole registration."""

from graphkit.nn.models.dgcnn import DGCNN
from graphkit.nn.models.factorgcn import FactorGCN
from graphkit.nn.models.gat import GAT
from graphkit.nn.models.gcn import GCN
from graphkit.nn.models.gin import GIN
from graphkit.nn.models.graph_model import GraphModel
from graphkit.nn.models.mlp import MLP
from graphkit.nn.models.skeleton_model import SkeletonModel
from graphkit.nn.models.spagan import SPAGAN
from graphkit.nn.models.st_gcn import STGCN
from graphkit.nn.models.stigcn import STIGCN

__all__ = [
    "DGCNN",
    "GAT",
    "GCN",
    "GIN",
    "MLP",
    "SPAGAN",
    "STGCN",
    "STIGCN",
    "FactorGCN",
    "GraphModel",
    "SkeletonModel",
]
