"""Multilayer perceptron on node features (MLP)."""

from graphkit.nn.models.baseline import Baseline
from graphkit.registry import register_model


@register_model("mlp")
class MLP(Baseline):
    """Multilayer perceptron on the features of each node, without edges.

    The layers are those of :class:`torch_geometric.nn.models.MLP`; see :class:`Baseline` for the arguments.
    """

    uses_edges = False
