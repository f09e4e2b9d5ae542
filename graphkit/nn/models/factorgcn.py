"""Factorizable graph convolutional network (FactorGCN)."""

import math
from copy import copy
from typing import Any, cast

import torch
from torch import Tensor
from torch.nn import functional as F
from torch_geometric.data import Data

from graphkit.errors import InputError
from graphkit.nn.conv import FactorGCNConv
from graphkit.nn.degree import SubgraphContext, in_degree
from graphkit.nn.factor_discriminator import FactorDiscriminator, discriminator_loss
from graphkit.nn.label_loss import label_loss
from graphkit.nn.models.graph_model import (
    ReceptiveField,
    check_batch,
    check_edge_options,
    check_options,
    embed,
    make_activation,
    read_out,
    refuse_readout_of_nodes,
    with_edge_features,
)
from graphkit.nn.models.trunk import TrunkModel, with_input_dropout
from graphkit.nn.options import check_choice, check_flags, check_numbers, checked_list
from graphkit.nn.pca_init import pca_init
from graphkit.nn.search_space import Choice, Interval
from graphkit.registry import register_model


@register_model("factorgcn")
class FactorGCN(TrunkModel):
    r"""Factorizable graph convolutional network (FactorGCN, NeurIPS 2020).

    A stack of :class:`~graphkit.nn.FactorGCNConv`, each with a :class:`~graphkit.nn.FactorDiscriminator`, trained with
    :math:`\mathcal{L} = \mathcal{L}_{task} + \lambda \sum_{layers} \mathcal{L}_{disc}`. Configurations of the paper:

    =============  ===============  ========  ===========  =====  =============================================
    task           ``factors``      ``head``  ``readout``  width  other
    =============  ===============  ========  ===========  =====  =============================================
    synthetic      (4, 2)           linear    mean         32     ``act="leaky_relu"``, ``head_act="tanh"``
    MUTAG, IMDB-B  (4, 4, 2, 2, 1)  layers    sum          64     ``batch_norm``
    ZINC           (8, 8, 4, 2)     mlp       mean         144    ``batch_norm``, ``size_norm``, embedding of 36
    PATTERN        (4, 2, 2)        mlp       none         144    as ZINC
    nodes          (4, 1)           conv      none         64     ``act="elu"``, ``gain=1``
    =============  ===============  ========  ===========  =====  =============================================

    Args:
        in_channels (int): Width of the node features, or of the embedding if ``num_categories`` is given.
        out_channels (int): Number of outputs.
        hidden_channels (int, optional): Width of every hidden layer. (default: ``64``)
        factors (tuple[int, ...], optional): Number of factors of each layer. (default: ``(4, 1)``)
        head (str, optional): ``"linear"`` or ``"mlp"`` on the last layer; ``"layers"`` for the sum of linear heads on
            the input and each layer, as in GIN; ``"conv"`` if the last convolution gives the outputs.
            (default: ``"conv"``)
        readout (str, optional): ``None`` for one output per node, else ``"mean"``, ``"sum"``, ``"max"`` or
            ``"attention"`` over the nodes of a graph. (default: ``None``)
        act (str, optional): Activation after every layer. (default: ``"elu"``)
        head_act (str, optional): Activation between readout and head. (default: ``None``)
        batch_norm (bool, optional): If ``True``, batch norm follows each convolution. (default: ``False``)
        size_norm (bool, optional): If ``True``, divides the output of each convolution by the square root of the number
            of nodes. (default: ``False``)
        dropout (float, optional): Dropout on the input of every layer. (default: ``0.0``)
        head_dropout (float, optional): Dropout on the outputs of each head, as in the released code for graph
            classification. (default: ``0.0``)
        gain (float, optional): Gain of the sigmoid, see :class:`~graphkit.nn.FactorGCNConv`. (default: ``6.0``)
        norm (str, optional): Degree normalization, ``"both"`` or ``"source"``. (default: ``"both"``)
        discriminator (float, optional): Weight :math:`\lambda` of the discriminator losses. (default: ``0.5``)
        weak_supervision (float, optional): Weight of :func:`~graphkit.nn.label_loss` on the coefficients of the first
            layer, an extension of this package. Requires graph labels and at least as many factors in the first layer
            as labels. (default: ``0.0``)
        input_norm (bool, optional): If ``True``, batch norm standardizes the input features. (default: ``False``)
        first_weights (str, optional): Initialization of the first layer: ``"random"``, or ``"principal"`` for
            :func:`~graphkit.nn.pca_init`, an extension of this package. (default: ``"random"``)
        num_categories (int, optional): Number of node categories to embed, if ``x`` holds categories.
            (default: ``None``)
        edge_attr (str, optional): Name of an edge attribute, such as ``"edge_weight"``, that the factor scores of all
            layers depend on, an extension of this package; zero for self loops. :meth:`from_data` takes
            ``"edge_attr"`` if the data have it. (default: ``None``)
        edge_dim (int, optional): Width of the edge attribute. (default: ``1``)
        options (optional): Arguments of :class:`TrunkModel`; ``jk`` needs a ``"linear"`` or ``"mlp"`` head.

    Shapes:
        - **input:** ``x`` ``[N, F]`` or ``[N]`` categories, ``edge_index`` ``[2, E]``, ``batch`` ``[N]``, ``edge_attr``
          ``[E, edge_dim]``.
        - **output:** ``[N, out_channels]`` or ``[B, out_channels]``; with ``return_factors`` also the list of the
          coefficients ``[E, M]`` of every layer; with ``return_penalty`` also the weighted sum of the penalties.

    Reference:
        Yang, Feng, Song and Wang, `Factorizable Graph Convolutional Networks <https://arxiv.org/abs/2010.05421>`_,
        NeurIPS 2020.

    Differences:
        Dropout is off in evaluation mode (the released code leaves it on). Factors are returned on request instead of
        being stored. The published parameter counts of the ZINC and PATTERN models include one more batch norm of 144
        channels, whose position is not described.
    """

    takes_edge_attr = True
    has_penalty = True
    returns_factors = True
    extra_metrics = ("factors",)
    search_space = {
        **TrunkModel.search_space, "model.hidden_channels": Choice((32, 64, 128)),
        "model.discriminator": Interval(0.0, 1.0), "model.gain": Choice((1.0, 6.0)),
    }  # fmt: skip

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        hidden_channels: int = 64,
        factors: tuple[int, ...] = (4, 1),
        head: str = "conv",
        readout: str | None = None,
        act: str = "elu",
        head_act: str | None = None,
        batch_norm: bool = False,
        size_norm: bool = False,
        dropout: float = 0.0,
        head_dropout: float = 0.0,
        gain: float = 6.0,
        norm: str = "both",
        discriminator: float = 0.5,
        weak_supervision: float = 0.0,
        input_norm: bool = False,
        first_weights: str = "random",
        num_categories: int | None = None,
        edge_attr: str | None = None,
        edge_dim: int = 1,
        **options: Any,
    ) -> None:
        super().__init__(batch_norm=batch_norm, **options)
        check_edge_options(edge_attr, edge_dim)
        factors = checked_list("factors", factors)
        check_choice("head", head, ("linear", "mlp", "layers", "conv"))
        check_choice("first_weights", first_weights, ("random", "principal"))
        check_flags(size_norm=size_norm, input_norm=input_norm)
        check_numbers(least=0, discriminator=discriminator, weak_supervision=weak_supervision)
        shares = {"dropout": dropout, "head_dropout": head_dropout}
        check_options(in_channels, out_channels, hidden_channels, readout, 1, num_categories, **shares)
        if hidden_channels % math.lcm(*factors[: -1 if head == "conv" else None] or (1,)):
            raise InputError(
                f"`hidden_channels` must be divisible by the factors of every layer (got {hidden_channels} and "
                f"{list(factors)})"
            )
        if weak_supervision and readout is None:
            raise InputError("`weak_supervision` needs labels of graphs, and so a `readout` (got none)")
        if weak_supervision and factors[0] < out_channels:
            raise InputError(
                "`weak_supervision` needs at least one factor per label in the first layer "
                f"(got {factors[0]} factors for {out_channels} labels)"
            )
        if self.jk is not None and head not in ("linear", "mlp"):
            raise InputError(f"expected `head` to be 'linear' or 'mlp' with `jk`, got '{head}'; leave `jk` out")
        self.in_channels = in_channels
        self.out_channels = out_channels
        self.hidden_channels = hidden_channels
        self.factors = factors
        self.head = head
        self.size_norm = size_norm
        self.head_dropout = head_dropout
        self.discriminator = discriminator
        self.weak_supervision = weak_supervision
        self.first_weights = first_weights
        self.edge_attr, self.edge_dim = edge_attr, edge_dim
        self.uses_edge_weight = edge_attr == "edge_weight"
        self.act = make_activation(act)
        self.head_act = torch.nn.Identity() if head_act is None else make_activation(head_act, "head_act")
        self.embedding = None if num_categories is None else torch.nn.Embedding(num_categories, in_channels)
        self.input_norm = torch.nn.BatchNorm1d(in_channels) if input_norm else torch.nn.Identity()

        widths = [self.first_width(in_channels, hidden_channels)] + [hidden_channels] * len(factors)
        self.convs = torch.nn.ModuleList()
        self.discriminators = torch.nn.ModuleList()
        self.norms = torch.nn.ModuleList()
        for layer, num_factors in enumerate(factors):
            is_output = head == "conv" and layer == len(factors) - 1
            width = out_channels if is_output else hidden_channels
            concat = not is_output  # the output layer averages its factors, as GAT averages its heads
            conv = FactorGCNConv(
                widths[layer], width, num_factors, concat, gain, norm, edge_dim=None if edge_attr is None else edge_dim
            )
            self.convs.append(conv)
            self.discriminators.append(FactorDiscriminator(conv.hidden_channels, num_factors, gain, norm))
            self.norms.append(torch.nn.Identity() if is_output else self.make_norm(width))
        joined = self.joined_width(hidden_channels, len(factors))
        self.heads = self._make_heads(widths if head == "layers" else [joined])
        outputs = [*widths[1:-1], out_channels if head == "conv" else hidden_channels]
        pooled = widths if head == "layers" else [out_channels if head == "conv" else joined]
        self.add_trunk(in_channels, hidden_channels, outputs, dropout, readout, pooled)

    def _make_heads(self, widths: list[int]) -> torch.nn.ModuleList:
        """Returns the linear maps from features to outputs."""
        if self.head == "layers":
            return torch.nn.ModuleList(torch.nn.Linear(width, self.out_channels) for width in widths)
        if self.head == "linear":
            return torch.nn.ModuleList([torch.nn.Linear(widths[-1], self.out_channels)])
        if self.head == "mlp":
            half = widths[-1] // 2
            mlp = torch.nn.Sequential(
                torch.nn.Linear(widths[-1], half), torch.nn.ReLU(), torch.nn.Linear(half, self.out_channels)
            )
            return torch.nn.ModuleList([mlp])
        return torch.nn.ModuleList()

    @classmethod
    def from_data(cls, dataset: Any, **options: Any) -> "FactorGCN":
        """Creates a model with the widths of a data set.

        Data sets of graphs get a mean readout, a linear head and ``factors=(4, 2)`` by default.

        Args:
            dataset (Any): A :class:`graphkit.data.GraphDataset`.
            options (optional): Arguments of the class. ``in_channels`` is the width of the embedding (default: 36) if
                the data set holds categories.
        """
        refuse_readout_of_nodes(dataset, options)
        if dataset.level == "graph":
            options = {"head": "linear", "readout": "mean", "factors": (4, 2), **options}
        if dataset.num_categories is not None:
            options = {"in_channels": 36, "num_categories": dataset.num_categories, **options}
        else:
            options = {**options, "in_channels": dataset.num_features}
        options = with_edge_features(dataset, options)
        return cls(out_channels=dataset.num_outputs, **with_input_dropout(dataset, options))

    @torch.no_grad()
    def init_from_data(self, data: Data) -> None:
        """Initializes the input norm and the first layer from the data.

        The first layer is initialized with ``first_weights="principal"`` only.
        """
        x = embed(data.x, self.embedding)
        if isinstance(self.input_norm, torch.nn.BatchNorm1d) and x.size(0) > 1:
            statistics = (self.input_norm.running_mean, self.input_norm.running_var)
            for buffer, value in zip(statistics, (x.mean(dim=0), x.var(dim=0)), strict=True):
                if buffer is not None:
                    buffer.copy_(value)
            if self.first_weights == "principal":
                x = F.batch_norm(x, *statistics)
        if self.first_weights == "principal":
            pca_init(self._layer(0)[0], x, data.edge_index)

    def inputs(self, data: Data) -> dict[str, Any]:
        """Returns the arguments of ``forward``, with graph labels for weak supervision."""
        inputs = super().inputs(data)
        if self.weak_supervision:
            inputs["y"] = data.y
        if "whole_degree" in data:
            inputs["subgraph"] = SubgraphContext(
                data.whole_degree, data.whole_size, data.get("batch_size", data.num_nodes)
            )
        return inputs

    def receptive_field(self, data: Data) -> ReceptiveField | None:
        """Returns the receptive field of a node; ``None`` with a readout.

        A discriminator reaches two hops beyond the input of its layer, that of the last layer one hop beyond the model.
        """
        if self.readout is not None:
            return None
        return ReceptiveField(len(self.factors) + int(self.discriminator > 0 and self.factors[-1] > 1))

    def last_hidden_layer(self, by_node: bool) -> str:
        """Returns the name of the module after a convolution.

        That is a norm or an identity; the convolutions are not called as modules.
        """
        last = len(self.convs) - 1
        return f"norms.{max(last - by_node, 0)}"

    def prepare_for_sampling(self, data: Data) -> Data:
        """Returns the graph with the degrees and the number of its nodes."""
        data = copy(data)
        data.whole_degree = in_degree(data.edge_index, int(data.num_nodes or 0)).int()
        data.whole_size = int(data.num_nodes or 0)
        return data

    def forward(
        self,
        x: Tensor,
        edge_index: Tensor,
        batch: Tensor | None = None,
        batch_size: int | None = None,
        y: Tensor | None = None,
        edge_attr: Tensor | None = None,
        *,
        return_factors: bool = False,
        return_penalty: bool = False,
        subgraph: SubgraphContext | None = None,
    ) -> Any:
        """Returns the outputs and, on request, the factors and the penalty, in this order."""
        check_batch(x, batch)
        x = self.enter(self.input_norm(embed(x, self.embedding)))
        layers, factors, penalties = [x], [], []
        for layer, norm in enumerate(self.norms):
            conv, judge = self._layer(layer)
            dropped = self.drop(x, layer)
            projection = conv.project(dropped, edge_attr)
            x = self.add_residual(layer, dropped, conv.aggregate_factors(projection, edge_index, subgraph))
            if return_factors:
                factors.append(conv.coefficients(projection, edge_index))
            if return_penalty and self.discriminator and conv.factors > 1:  # with one factor the loss is zero
                logits = judge(projection, edge_index, batch, batch_size, subgraph)
                penalties.append(self.discriminator * discriminator_loss(logits))
            if return_penalty and self.weak_supervision and layer == 0 and y is not None:
                coefficients = conv.coefficients(projection, edge_index)[:, : self.out_channels]
                penalties.append(self.weak_supervision * label_loss(coefficients, edge_index, y, batch))
            if self.size_norm:
                x = x * _inverse_root_size(x, batch, batch_size, subgraph)
            x = norm(x)
            if self.head != "conv" or layer < len(self.convs) - 1:
                x = self.act(x)
            layers.append(x)
        out = self._head(layers, batch, batch_size)
        extras: list[Any] = [factors] if return_factors else []
        if return_penalty:
            extras.append(torch.stack(penalties).sum() if penalties else out.new_zeros(()))
        return (out, *extras) if extras else out

    def _layer(self, layer: int) -> tuple[FactorGCNConv, FactorDiscriminator]:
        """Returns a convolution and its discriminator."""
        return cast(FactorGCNConv, self.convs[layer]), cast(FactorDiscriminator, self.discriminators[layer])

    def _head(self, layers: list[Tensor], batch: Tensor | None, batch_size: int | None) -> Tensor:
        """Returns the outputs of the head on the readouts of the layers."""
        if self.head != "layers":
            layers = [self.join(layers[1:])]
        if self.readout is not None:
            layers = [self.read_out(x, batch, batch_size, index) for index, x in enumerate(layers)]
        if self.head == "conv":
            return layers[0]
        outs = [
            F.dropout(head(self.head_act(x)), self.head_dropout, self.training)
            for head, x in zip(self.heads, layers, strict=True)
        ]
        return torch.stack(outs).sum(dim=0)


def _inverse_root_size(
    x: Tensor, batch: Tensor | None, batch_size: int | None, subgraph: SubgraphContext | None
) -> Tensor:
    """Returns the inverse square root of the graph size of each node, ``[N, 1]``."""
    if batch is None:
        count = x.size(0) if subgraph is None else subgraph.num_nodes
        return x.new_full((x.size(0), 1), max(count, 1) ** -0.5)
    sizes = read_out(x.new_ones(x.size(0), 1), batch, batch_size, "sum")
    return sizes.rsqrt()[batch]
