"""Shortest path graph attention network (SPAGAN)."""

from copy import copy
from typing import Any, cast

import torch
from torch import Tensor
from torch.nn import functional as F
from torch_geometric.data import Data

from graphkit.errors import InputError
from graphkit.nn.conv import PathAttention, SPAGANConv
from graphkit.nn.models.graph_model import (
    ReceptiveField,
    check_batch,
    check_edge_options,
    check_options,
    edge_features,
    embed,
    make_activation,
    refuse_readout_of_nodes,
    with_edge_features,
)
from graphkit.nn.models.trunk import TrunkModel, with_input_dropout
from graphkit.nn.options import WIDEST, check_choice, check_counts, check_flags
from graphkit.nn.paths import (
    attention_cost,
    has_paths,
    looped_edges,
    path_attr_of,
    path_edge_attr,
    path_edges,
    paths_of,
    put_paths,
)
from graphkit.nn.search_space import Choice
from graphkit.ops import path_attention, shortest_paths
from graphkit.registry import register_model


@register_model("spagan")
class SPAGAN(TrunkModel):
    r"""Shortest path graph attention network (SPAGAN, IJCAI 2019).

    Training has phases. In the first one, all layers attend to neighbors, as in GAT. Then, ``iterations`` times, the
    attention of the first layer, averaged over heads and without dropout, is converted to edge costs
    (:func:`~graphkit.nn.attention_cost`), the shortest paths are computed, and the first ``path_layers`` layers attend
    to them in the next phase. The trainer calls :meth:`begin_phase` when early stopping ends a phase. The projection
    and the one-hop attention of the first layer are stored in the model as its *guide*, from which a trained model
    computes the paths of any graph.

    Data with precomputed paths (:class:`graphkit.transforms.ShortestPaths`) are trained on these in a single phase.

    With edge features, all layers see those of the edges along a path, see :class:`~graphkit.nn.SPAGANConv`, and so do
    the costs: attention depends on them, or with ``costs="edges"`` the costs are those of
    :meth:`SPAGANConv.edge_costs` of the first layer, which training changes. There is a single phase then, with a
    search for the paths at every step.

    Args:
        in_channels (int): Width of the node features, or of the embedding if ``num_categories`` is given.
        out_channels (int): Number of outputs.
        hidden_channels (int, optional): Width of every hidden layer, all heads together. (default: ``64``)
        num_layers (int, optional): Number of layers. (default: ``2``)
        heads (int, optional): Heads of the hidden layers. (default: ``8``)
        out_heads (int, optional): Heads of an output layer, which averages them. (default: ``1``)
        max_hops (int, optional): Largest number of hops of a path. (default: ``2``)
        ratio (float, optional): Number of paths per node and length above one hop, relative to its degree.
            (default: ``0.5``)
        pool (str, optional): Pooling over the nodes of a path, ``"max"`` or ``"mean"``. (default: ``"max"``)
        iterations (int, optional): Number of path phases; 0 for the first phase only. (default: ``1``)
        share_transform (bool, optional): If ``True``, a phase continues with the weights of the previous one; otherwise
            weights are reset. (default: ``False``)
        path_layers (int, optional): Number of layers, from the first one, that attend to paths; the others attend to
            neighbors. (default: ``1``)
        readout (str, optional): ``None`` for one output per node, else ``"mean"``, ``"sum"``, ``"max"`` or
            ``"attention"`` over the nodes of a graph, with a linear head. (default: ``None``)
        act (str, optional): Activation after every hidden layer. (default: ``"elu"``)
        out_act (str, optional): Activation after the output layer without a readout, or ``"none"``.
            (default: ``"elu"``)
        dropout (float, optional): Dropout on the input of every layer. (default: ``0.6``)
        attention_dropout (float, optional): Dropout of the attention; ``dropout`` if ``None``. (default: ``None``)
        num_categories (int, optional): Number of node categories to embed, if ``x`` holds categories.
            (default: ``None``)
        init (str, optional): Weight initialization, ``"glorot"`` or ``"xavier-normal"``, see
            :class:`~graphkit.nn.SPAGANConv`. (default: ``"glorot"``)
        costs (str, optional): Edge costs of the paths: ``"attention"`` of the previous phase, or ``"edges"`` for costs
            learned from edge features. (default: ``"attention"``)
        edge_attr (str, optional): Name of an edge attribute that all layers depend on, zero for self loops.
            :meth:`from_data` takes ``"edge_attr"`` if the data have it. (default: ``None``)
        edge_dim (int, optional): Width of the edge attribute. (default: ``1``)
        options (optional): Arguments of :class:`TrunkModel`.

    Shapes:
        - **input:** ``x`` ``[N, F]`` (dense or sparse) or ``[N]`` categories, ``edge_index`` ``[2, E]`` with self loops
          (:meth:`inputs` adds them), ``paths`` as in :class:`~graphkit.nn.SPAGANConv`, ``batch`` ``[N]``, ``edge_attr``
          ``[E, edge_dim]``, and ``path_attr``, a list with the features of the edges of ``paths``.
        - **output:** ``[N, out_channels]`` or ``[B, out_channels]``; with ``return_attention`` also the list of the
          :class:`~graphkit.nn.PathAttention` of every layer.

    Reference:
        Yang, Wang, Song, Yuan and Tao, `SPAGAN: Shortest Path Graph Attention Network
        <https://arxiv.org/abs/2101.03464>`_, IJCAI 2019.

    Differences:
        The paper alternates path search and training; the released code does so once (``iterations=1``, the default)
        and trains a new network in the path phase. So does the default here; ``share_transform=True`` continues with
        the same weights, as the paper describes. In later phases, paths are computed from the one-hop attention of the
        path phase over all edges. A node keeps :math:`\max(1, \mathrm{round}(r d))` paths of each length, with its
        degree :math:`d` in the graph; the released code uses the degree in the shortest path tree and rounds down. The
        activation after the output layer follows the released code.
    """

    uses_paths = True
    takes_edge_attr = True
    search_space = {
        **TrunkModel.search_space, "model.hidden_channels": Choice((16, 32, 64, 128)), "model.heads": Choice((1, 4, 8)),
        "model.ratio": Choice((0.5, 1.0)), "model.out_act": Choice(("elu", "none")),
    }  # fmt: skip

    phase: Tensor
    guide_weight: Tensor
    guide_bias: Tensor
    guide_path: Tensor
    guide_target: Tensor
    guide_edge: Tensor | None

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        hidden_channels: int = 64,
        num_layers: int = 2,
        heads: int = 8,
        out_heads: int = 1,
        max_hops: int = 2,
        ratio: float = 0.5,
        pool: str = "max",
        iterations: int = 1,
        share_transform: bool = False,
        path_layers: int = 1,
        readout: str | None = None,
        act: str = "elu",
        out_act: str = "elu",
        dropout: float = 0.6,
        attention_dropout: float | None = None,
        num_categories: int | None = None,
        init: str = "glorot",
        costs: str = "attention",
        edge_attr: str | None = None,
        edge_dim: int = 1,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        check_edge_options(edge_attr, edge_dim)
        check_choice("costs", costs, ("attention", "edges"))
        if costs == "edges" and edge_attr is None:
            raise InputError("expected `edge_attr` with costs='edges', got none; name an edge attribute")
        self.costs, self.edge_attr, self.edge_dim = costs, edge_attr, edge_dim
        self.uses_edge_weight = edge_attr == "edge_weight"
        attention_dropout = dropout if attention_dropout is None else attention_dropout
        shares = {"dropout": dropout, "attention_dropout": attention_dropout}
        check_options(in_channels, out_channels, hidden_channels, readout, num_layers, num_categories, **shares)
        check_counts(heads=heads, out_heads=out_heads)
        check_counts(least=-WIDEST, path_layers=path_layers)
        check_counts(least=0, iterations=iterations)
        check_flags(share_transform=share_transform)
        if hidden_channels % heads:
            raise InputError(f"`hidden_channels` must be divisible by `heads` (got {hidden_channels} and {heads})")
        if not 1 <= path_layers <= num_layers:
            raise InputError(f"`path_layers` must be from 1 to the {num_layers} layers there are (got {path_layers})")
        self.max_hops = max_hops
        self.ratio = ratio
        self.iterations = iterations
        self.share_transform = share_transform
        self.act = make_activation(act)
        has_head = readout is not None or self.jk is not None
        plain = out_act == "none" or has_head
        self.out_act = torch.nn.Identity() if plain else make_activation(out_act, "out_act")
        self.embedding = None if num_categories is None else torch.nn.Embedding(num_categories, in_channels)

        first_width = self.first_width(in_channels, hidden_channels)
        self.convs, self.norms = torch.nn.ModuleList(), torch.nn.ModuleList()
        for layer in range(num_layers):
            is_output = not has_head and layer == num_layers - 1
            conv = SPAGANConv(
                hidden_channels if layer else first_width,
                out_channels if is_output else hidden_channels // heads,
                heads=out_heads if is_output else heads,
                max_hops=max_hops if layer < path_layers else 1,
                ratio=ratio,
                pool=pool,
                concat=not is_output,
                dropout=attention_dropout,
                init=init,
                edge_dim=None if edge_attr is None else edge_dim,
            )
            self.convs.append(conv)
            self.norms.append(torch.nn.Identity() if is_output else self.make_norm(hidden_channels))
        self.path_layers = path_layers
        joined = self.joined_width(hidden_channels, num_layers)
        self.head = torch.nn.Linear(joined, out_channels) if has_head else None
        widths = [*[hidden_channels] * (num_layers - 1), hidden_channels if has_head else out_channels]
        self.add_trunk(in_channels, hidden_channels, widths, dropout, readout, [joined])

        first = self._conv(0)
        rows = in_channels if num_categories is None else num_categories
        self.register_buffer("phase", torch.zeros((), dtype=torch.long))
        self.register_buffer("guide_weight", torch.zeros(rows, first.weight.size(1)))
        self.register_buffer("guide_bias", torch.zeros(first.weight.size(1)))
        self.register_buffer("guide_path", torch.zeros_like(first.att_path[0]))
        self.register_buffer("guide_target", torch.zeros_like(first.att_target[0]))
        of_edges = None if edge_attr is None else torch.zeros(edge_dim, first.heads)
        self.register_buffer("guide_edge", of_edges)

    @classmethod
    def from_data(cls, dataset: Any, **options: Any) -> "SPAGAN":
        """Creates a model with the widths of a data set.

        Data sets of graphs get a mean readout by default.

        Args:
            dataset (Any): A :class:`graphkit.data.GraphDataset`.
            options (optional): Arguments of the class. ``in_channels`` is the width of the embedding (default: 36) if
                the data set holds categories. ``out_act`` is ``"none"`` by default except for node classification.
        """
        refuse_readout_of_nodes(dataset, options)
        options = with_edge_features(dataset, options)
        graphs = dataset.collection
        stored = has_paths(dataset.graphs[0]) if graphs is None else bool(graphs.path)
        if options.get("costs") == "edges" and stored:
            raise InputError(
                "expected a graph without paths with costs='edges', got one with paths; leave the transform out"
            )
        if dataset.level == "graph":
            options = {"readout": "mean", **options}
        if dataset.task != "node-classification":
            options = {"out_act": "none", **options}
        if dataset.num_categories is not None:
            options = {"in_channels": 36, "num_categories": dataset.num_categories, **options}
        else:
            options = {**options, "in_channels": dataset.num_features}
        return cls(out_channels=dataset.num_outputs, **with_input_dropout(dataset, options))

    def reset_parameters(self) -> None:
        """Resets the weights; phase and guide are kept."""
        trunk = (self.input_map, *self.norms, *self.residuals.values(), *self.pools)
        for module in (*self.convs, self.head, self.embedding, *trunk):
            if hasattr(module, "reset_parameters"):
                module.reset_parameters()  # type: ignore[operator,union-attr]

    def inputs(self, data: Data) -> dict[str, Any]:
        """Returns the arguments of ``forward``, with self loops and paths."""
        if "path_set" in data:
            raise InputError("paths in files are read in batches, by `ShortestPathLoader` (got the whole graph)")
        inputs, num_nodes = super().inputs(data), int(data.num_nodes or 0)
        inputs["edge_index"], edge_ids = looped_edges(data.edge_index, num_nodes)
        paths = inputs["paths"] = paths_of(data) or (self.find_paths(data)[0] if self.has_costs else None)
        if self.edge_attr is not None:
            (attr,) = path_edge_attr(inputs["edge_attr"], [edge_ids])
            inputs["edge_attr"] = attr
            if paths is not None:
                inputs["path_attr"] = path_attr_of(data) or self._path_attr(data, paths, inputs["edge_index"], attr)
        return inputs

    def forward(
        self,
        x: Tensor,
        edge_index: Tensor,
        paths: list[Tensor] | None = None,
        batch: Tensor | None = None,
        batch_size: int | None = None,
        edge_attr: Tensor | None = None,
        path_attr: list[Tensor] | None = None,
        *,
        return_attention: bool = False,
    ) -> Tensor | tuple[Tensor, list[PathAttention]]:
        """Returns the outputs and, with ``return_attention``, all attention."""
        check_batch(x, batch)
        x = self.enter(embed(x, self.embedding))
        attention, layers = [], []
        for layer in range(len(self.convs)):
            neighbors = paths is None or layer >= self.path_layers
            looked_at = [edge_index] if neighbors else paths
            attr = None if edge_attr is None else [edge_attr] if neighbors else path_attr
            x = self.drop(x, layer)
            out, seen = self._conv(layer)(x, looked_at, None, attr, return_attention=True, edges=edge_index)
            x = self.norms[layer](self.add_residual(layer, x, out))
            attention.append(seen)
            if self.head is not None or layer < len(self.convs) - 1:
                x = self.act(x)
            layers.append(x)
        x = self.join(layers)
        x = x if self.readout is None else self.read_out(x, batch, batch_size)
        out = self.out_act(x) if self.head is None else self.head(x)
        return (out, attention) if return_attention else out

    def _path_attr(self, data: Data, paths: list[Tensor], edge_index: Tensor, edge_attr: Tensor) -> list[Tensor]:
        """Returns the edge features of paths, over the cheapest of parallel edges."""
        cost = self.edge_costs(data)[1] if self.has_costs else None
        return path_edge_attr(edge_attr, path_edges(paths, edge_index, int(data.num_nodes or 0), cost))

    @property
    def has_next_phase(self) -> bool:
        """True if another path phase follows."""
        return self.costs == "attention" and int(self.phase) < self.iterations

    @property
    def has_costs(self) -> bool:
        """True if the model has edge costs, by which it searches for paths."""
        return self.costs == "edges" or int(self.phase) > 0

    def begin_phase(self, data: Data) -> Data | None:
        """Begins the next phase and returns the data with its paths."""
        return self.prepare(data) if self.begin_sampled_phase(data) else None

    def begin_sampled_phase(self, data: Data) -> bool:
        """Begins the next phase, if there is one, without a path search.

        The first layer becomes the guide.
        """
        if not self.has_next_phase or has_paths(data):
            return False
        self._take_guide()
        self.phase += 1
        if not self.share_transform:
            self.reset_parameters()
        return True

    def prepare(self, data: Data) -> Data:
        """Returns the graph with the paths of the current phase; the first one needs none."""
        return data if self.phase == 0 or has_paths(data) else put_paths(copy(data), self.find_paths(data)[0])

    def receptive_field(self, data: Data) -> ReceptiveField | None:
        """Returns the receptive field of a node in the current phase.

        ``None`` with a readout, or with costs that training changes.
        """
        if self.readout is not None or self.costs == "edges":
            return None
        attends = self.phase > 0 or has_paths(data)
        return ReceptiveField(len(self.convs), self.path_layers if attends else 0, self.max_hops, self.ratio)

    def with_edge_costs(self, data: Data) -> Data:
        """Returns the graph with self loops and, in a path phase, edge costs.

        The attention is computed in one pass over the full graph, without gradients.
        """
        if self.phase == 0 or has_paths(data):
            return data
        edge_index, cost = self.edge_costs(data)
        graph = Data(x=data.x, y=data.y, edge_index=edge_index, path_length=cost)
        if self.edge_attr is not None:
            edge_ids = looped_edges(data.edge_index, int(data.num_nodes or 0))[1]
            graph[self.edge_attr] = path_edge_attr(edge_features(data, self.edge_attr, self.edge_dim), [edge_ids])[0]
        return graph

    def find_paths(self, data: Data) -> tuple[list[Tensor], list[Tensor]]:
        """Returns the shortest paths by the edge costs of the guide, and their costs."""
        edge_index, cost = self.edge_costs(data)
        options = {"num_nodes": int(data.num_nodes or 0), "ratio": self.ratio, "self_paths": True}
        return shortest_paths(edge_index, cost, self.max_hops, **options)  # type: ignore[arg-type]

    @torch.no_grad()
    def edge_costs(self, data: Data) -> tuple[Tensor, Tensor]:
        """Returns the edges with self loops and their costs ``[E]``.

        Raises:
            InputError: If there is no guide yet.
        """
        if not self.has_costs:
            raise InputError("there are no costs in the first phase; train the model until paths have been found")
        edge_index, edge_ids = looped_edges(data.edge_index, int(data.num_nodes or 0))
        term = None
        if self.edge_attr is not None:
            (attr,) = path_edge_attr(edge_features(data, self.edge_attr, self.edge_dim), [edge_ids])
            if self.costs == "edges":
                return edge_index, self._conv(0).edge_costs(attr)
            term = (attr @ cast(Tensor, self.guide_edge)).to(self.guide_weight.dtype)
        h = data.x @ self.guide_weight if self.embedding is None else F.embedding(data.x.flatten(), self.guide_weight)
        h = (h + self.guide_bias).view(-1, *self.guide_path.shape)
        target = (h * self.guide_target).sum(-1)
        slope = self._conv(0).negative_slope
        options = {"negative_slope": slope, "term": term, "return_attention": True}
        alpha = path_attention(h, edge_index, self.guide_path, target, **options)[1]  # type: ignore[arg-type]
        return edge_index, attention_cost(alpha.mean(dim=1), edge_index, data.get("batch"))

    @torch.no_grad()
    def _take_guide(self) -> None:
        """Stores the projection and the one-hop attention of the first layer as the guide."""
        first = self._conv(0)
        weight: Tensor = first.weight
        bias = cast(Tensor, first.bias)
        if self.input_map is not None:
            weight, bias = self.input_map.weight.t() @ weight, self.input_map.bias @ weight + bias
        self.guide_weight.copy_(weight if self.embedding is None else self.embedding.weight @ weight)
        self.guide_bias.copy_(bias)
        self.guide_path.copy_(first.att_path[0])
        self.guide_target.copy_(first.att_target[0])
        if self.guide_edge is not None:
            self.guide_edge.copy_(first.edge_vectors())

    def _conv(self, layer: int) -> SPAGANConv:
        """Returns a layer."""
        return cast(SPAGANConv, self.convs[layer])
