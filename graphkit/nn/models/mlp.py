"""MLP: the baseline that sees no edges."""

from graphkit.nn.models.baseline import Baseline
from graphkit.registry import register_model


@register_model("mlp")
class MLP(Baseline):
    """A perceptron on each node, by :class:`torch_geometric.nn.models.MLP`; see :class:`Baseline` for the arguments."""

    uses_edges = False
