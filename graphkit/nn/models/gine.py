"""Graph isomorphism network with edge features (GINE)."""

from typing import Any

from torch import Tensor
from torch_geometric.nn import MLP as PyGMLP
from torch_geometric.nn import GINEConv
from torch_geometric.nn.models.basic_gnn import BasicGNN

from graphkit.nn.fused.edge_messages import FusedGINEConv
from graphkit.nn.fused.layer import FusedLayer
from graphkit.nn.models.baseline import Baseline
from graphkit.nn.models.gin import WideSum
from graphkit.nn.models.graph_model import check_edge_options
from graphkit.registry import register_model


class _Body(BasicGNN):
    """PyG stack of :class:`_GINEConv`."""

    supports_edge_weight = False
    supports_edge_attr = True

    def init_conv(self, in_channels: Any, out_channels: int, **options: Any) -> GINEConv:
        """Creates a layer with a hidden layer of full width, also before few outputs."""
        channels = [in_channels, self.hidden_channels, out_channels]
        norm = {"norm": self.norm, "norm_kwargs": self.norm_kwargs}
        return _GINEConv(PyGMLP(channels, act=self.act, act_first=self.act_first, **norm), **options)


class _GINEConv(WideSum, FusedGINEConv):
    """GINE layer on fused operators; edge features are zero if there are none."""

    propagate = FusedLayer.propagate  # or PyG would generate one

    def forward(self, x: Any, edge_index: Any, edge_attr: Tensor | None = None, size: Any = None) -> Tensor:
        """Returns the output of each node."""
        if edge_attr is None:
            edge_attr = x.new_zeros(edge_index.size(1), self.lin.in_channels)
        return super().forward(x, edge_index, edge_attr, size)


@register_model("gine")
class GINE(Baseline):
    r"""Graph isomorphism network with edge features (GINE, ICLR 2020).

    Each layer is a :class:`torch_geometric.nn.GINEConv` with a perceptron of two linear maps:

    .. math:: \mathbf{x}'_i = \mathrm{MLP}\Bigl((1 + \epsilon) \mathbf{x}_i
        + \sum_{j \to i} \mathrm{ReLU}(\mathbf{x}_j + \mathbf{W} \mathbf{e}_{ji} + \mathbf{b})\Bigr)

    See :class:`Baseline` for the other arguments. The default readout of graphs is the sum. Without edge features,
    :math:`\mathbf{e}_{ji}` is zero.

    Args:
        in_channels (int): Width of the node features, or of the embedding if ``num_categories`` is given.
        out_channels (int): Number of outputs.
        hidden_channels (int, optional): Width of every hidden layer. (default: ``64``)
        edge_attr (str, optional): Name of the edge attribute; :meth:`from_data` takes ``"edge_attr"`` if the data have
            it. (default: ``None``)
        edge_dim (int, optional): Width of the edge attribute. (default: ``1``)
        options (optional): Arguments of :class:`Baseline`, and further ones of ``GINEConv``, such as ``train_eps``.

    Reference:
        Hu, Liu, Gomes, Zitnik, Liang, Pande and Leskovec, `Strategies for Pre-training Graph Neural Networks
        <https://arxiv.org/abs/1905.12265>`_, ICLR 2020.
    """

    takes_edge_attr = True
    takes_sparse_features = False
    layers = (GINEConv, BasicGNN)
    stack = _Body
    graph_defaults = {**Baseline.graph_defaults, "readout": "sum"}

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        hidden_channels: int = 64,
        edge_attr: str | None = None,
        edge_dim: int = 1,
        **options: Any,
    ) -> None:
        check_edge_options(edge_attr, edge_dim)
        super().__init__(in_channels, out_channels, hidden_channels, **{"edge_dim": edge_dim, **options})
        self.edge_attr, self.edge_dim = edge_attr, edge_dim
        self.uses_edge_weight = edge_attr == "edge_weight"
