"""Layers of PyTorch Geometric on fused operators."""

from torch_geometric.nn import (
    APPNP,
    ChebConv,
    EdgeConv,
    GATConv,
    GATv2Conv,
    GCNConv,
    GINConv,
    GINEConv,
    GraphConv,
    LGConv,
    MessagePassing,
    PNAConv,
    SAGEConv,
    SGConv,
    TAGConv,
    TransformerConv,
)

from graphkit.nn.fused.attention import FusedGATConv, FusedGATv2Conv, FusedTransformerConv
from graphkit.nn.fused.edge_messages import FusedEdgeConv, FusedGINEConv
from graphkit.nn.fused.layer import FusedLayer
from graphkit.nn.fused.neighbors import FusedGINConv, FusedGraphConv, FusedSAGEConv
from graphkit.nn.fused.normalized import (
    FusedAPPNP,
    FusedChebConv,
    FusedGCNConv,
    FusedLGConv,
    FusedSGConv,
    FusedTAGConv,
)
from graphkit.nn.fused.pna import FusedPNAConv

#: Fused class of each layer.
FUSED: dict[type[MessagePassing], type[FusedLayer]] = {
    APPNP: FusedAPPNP,
    ChebConv: FusedChebConv,
    EdgeConv: FusedEdgeConv,
    GATConv: FusedGATConv,
    GATv2Conv: FusedGATv2Conv,
    GCNConv: FusedGCNConv,
    GINConv: FusedGINConv,
    GINEConv: FusedGINEConv,
    GraphConv: FusedGraphConv,
    LGConv: FusedLGConv,
    PNAConv: FusedPNAConv,
    SAGEConv: FusedSAGEConv,
    SGConv: FusedSGConv,
    TAGConv: FusedTAGConv,
    TransformerConv: FusedTransformerConv,
}

__all__ = ["FUSED", "FusedLayer"]
