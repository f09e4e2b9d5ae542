"""Models, one per file, registered by ``@register_model(name)``."""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
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

#: Module of each export.
_MODULES = {
    "FactorGCN": "factorgcn",
    "GraphModel": "graph_model",
    "SkeletonModel": "skeleton_model",
    "STGCN": "st_gcn",
    **{name: name.lower() for name in ("DGCNN", "GAT", "GCN", "GIN", "MLP", "SPAGAN", "STIGCN")},
}


def __getattr__(name: str) -> Any:
    """Imports the module of an export lazily and returns the export."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    export = getattr(importlib.import_module(f"{__name__}.{_MODULES[name]}"), name)
    return globals().setdefault(name, export)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
