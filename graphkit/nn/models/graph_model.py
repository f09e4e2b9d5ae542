"""Base class of graph models, with category embedding and readout."""

from typing import Any, ClassVar, Literal, NamedTuple

import torch
from torch import Tensor
from torch_geometric.data import Data
from torch_geometric.nn.resolver import activation_resolver
from torch_geometric.utils import scatter

from graphkit.errors import InputError, InputTypeError
from graphkit.nn.options import DEEPEST, check_counts, check_shares
from graphkit.nn.search_space import TRAINING, Interval, SearchSpace
from graphkit.ops._segments import widen

#: Readouts without weights, and all readouts of a model.
REDUCTIONS = ("mean", "sum", "max")
READOUTS = (*REDUCTIONS, "attention")


class ReceptiveField(NamedTuple):
    """Receptive field of a node, for neighbor sampling.

    Args:
        num_layers (int): Number of layers.
        path_layers (int, optional): Number of layers, from the first one, that attend to paths; the others aggregate
            over edges. (default: ``0``)
        max_hops (int, optional): Largest number of hops of a path. (default: ``1``)
        ratio (float, optional): Number of paths per node and length above one hop, relative to its degree; ``None`` for
            all paths. (default: ``None``)
    """

    num_layers: int
    path_layers: int = 0
    max_hops: int = 1
    ratio: float | None = None


class GraphModel(torch.nn.Module):
    """Base class of all models: the interface between a model and the trainer.

    A model file registers one subclass with ``@register_model(name)``. The subclass implements ``from_data``, which
    takes widths from a data set. ``forward`` takes the arguments that :meth:`inputs` returns. A model with a penalty
    (such as the discriminator losses of FactorGCN) sets ``has_penalty`` and returns ``(output, penalty)`` if called
    with ``return_penalty=True``. A model that trains in phases (SPAGAN) implements :attr:`has_next_phase` and
    :meth:`begin_phase`.
    """

    #: Kind of the items that ``forward`` takes; must equal :attr:`~graphkit.data.GraphDataset.holds` of a data set.
    reads: ClassVar[Literal["graphs", "skeleton clips"]] = "graphs"
    has_penalty = False
    #: Domains of the settings that ``graphkit search`` varies, by key of the configuration.
    search_space: ClassVar[SearchSpace] = {**TRAINING, "model.dropout": Interval(0.0, 0.8)}
    #: Names of the metrics in addition to that of the task, see :mod:`graphkit.metrics.extra_metrics`.
    extra_metrics: ClassVar[tuple[str, ...]] = ()
    #: ``forward`` takes ``return_factors`` and returns the coefficients ``[E, M]`` of every layer.
    returns_factors = False
    #: ``forward`` takes ``return_attention`` and returns the joint matrices of each block.
    returns_joint_attention = False
    #: Use of edges, of edge weights, of paths, and of normalization by weighted degrees.
    uses_edges = True
    uses_edge_weight = False
    uses_paths = False
    normalizes_by_degree = False
    #: Edge features are supported: ``from_data`` takes ``edge_attr`` and ``edge_dim``, see :func:`with_edge_features`.
    takes_edge_attr = False
    #: Name of the edge attribute that ``forward`` takes as ``edge_attr``, and its width.
    edge_attr: str | None = None
    edge_dim: int = 1
    #: Sparse node features are supported.
    takes_sparse_features = True

    def init_from_data(self, data: Data) -> None:
        """Initializes weights from a batch of training data; called once before training."""

    @property
    def has_next_phase(self) -> bool:
        """True if another training phase follows the current one."""
        return False

    def begin_phase(self, data: Data) -> Data | None:
        """Begins the next phase of training, for models that train in phases.

        The trainer calls it when early stopping or the epoch limit ends a phase, after the best weights are restored,
        and creates a new optimizer afterwards. The state of a phase must be part of the state dict of the model.

        Args:
            data (Data): Graph, or all graphs as one batch, as the data set holds them.

        Returns:
            Data for the new phase; ``None`` if there is no further phase.
        """
        return None

    def prepare(self, data: Data) -> Data:
        """Returns the data for the current phase, when training resumes from a checkpoint."""
        return data

    def receptive_field(self, data: Data) -> ReceptiveField | None:
        """Returns the receptive field of a node; ``None`` for the full graph."""
        return None

    def prepare_for_sampling(self, data: Data) -> Data:
        """Returns the graph with the node attributes that sampled subgraphs need.

        Sampled batches contain these attributes, and :meth:`inputs` passes them to ``forward``.
        """
        return data

    def begin_sampled_phase(self, data: Data) -> bool:
        """Begins the next phase of training on sampled subgraphs.

        Returns:
            ``True`` if there is a next phase.
        """
        return False

    def with_edge_costs(self, data: Data) -> Data:
        """Returns the graph with the edge lengths of the current phase.

        They are stored in ``path_length``, for path sampling.

        The attribute is absent if all edges have the length 1.
        """
        return data

    def last_hidden_layer(self, by_node: bool) -> str | None:
        """Returns the name of the submodule before the output layer.

        Args:
            by_node (bool): If ``True``, the items are nodes and the last graph layer gives the outputs.

        Returns:
            The name; ``None`` if it is a graph layer that is called as a module.
        """
        return None

    def inputs(self, data: Data) -> dict[str, Any]:
        """Returns the arguments of ``forward`` for a graph or a batch of graphs.

        Edge features are included if :attr:`edge_attr` is set, otherwise edge weights if :attr:`uses_edge_weight` is.
        """
        inputs = {"x": data.x, "edge_index": data.edge_index}
        if data.get("batch") is not None:
            inputs |= {"batch": data.batch, "batch_size": int(data.num_graphs)}
        if self.edge_attr is not None:
            inputs["edge_attr"] = edge_features(data, self.edge_attr, self.edge_dim)
        elif self.uses_edge_weight:
            inputs["edge_weight"] = data.get("edge_weight")
        return inputs


def edge_features(data: Data, name: str, width: int) -> Tensor:
    """Returns an edge attribute as floating-point features ``[E, width]``.

    Args:
        data (Data): Graph or batch of graphs.
        name (str): Name of the attribute, ``[E]`` or ``[E, width]``.
        width (int): Number of features.

    Raises:
        InputError: If there is no such attribute, or its shape is another one.
    """
    value, num_edges = data.get(name), data.edge_index.size(1)
    if not isinstance(value, Tensor) or value.dim() == 0 or value.size(0) != num_edges or (
        num_edges and value.numel() != num_edges * width
    ):  # fmt: skip
        got = list(value.shape) if isinstance(value, Tensor) else "no such attribute"
        count = "one number" if width == 1 else f"{width} numbers"
        raise InputError(
            f"expected `edge_attr` to be an attribute with {count} for each of the {num_edges} edges, got '{name}' "
            f"({got}); name another one, or leave it out"
        )
    x = data.get("x")
    dtype = x.dtype if isinstance(x, Tensor) and x.is_floating_point() else torch.get_default_dtype()
    return value.reshape(num_edges, width).to(dtype)


def with_edge_features(dataset: Any, options: dict[str, Any]) -> dict[str, Any]:
    """Returns the options of a model with the edge features of a data set.

    ``edge_attr`` is used if the option is not set and the data have it, with a width above 0 (molecules without any
    bond have none); ``edge_dim`` is the width of the attribute.
    """
    attributes = dataset.graphs[0] if dataset.collection is None else dataset.collection.edge
    value = attributes.get("edge_attr")
    if "edge_attr" not in options and isinstance(value, Tensor) and value.shape[1:].numel():
        options = {**options, "edge_attr": "edge_attr"}
    name = options.get("edge_attr")
    value = attributes.get(name) if isinstance(name, str) else None
    return options if not isinstance(value, Tensor) else {**options, "edge_dim": value.shape[1:].numel()}


def check_edge_options(edge_attr: str | None, edge_dim: int) -> None:
    """Validates the name and the width of edge features."""
    if edge_attr is not None and (not isinstance(edge_attr, str) or not edge_attr):
        raise InputTypeError(f"`edge_attr` must be the name of an attribute, or none (got {edge_attr!r})")
    check_counts(edge_dim=edge_dim)


def model_inputs(model: torch.nn.Module, data: Data) -> dict[str, Any]:
    """Returns the arguments of ``forward`` of any graph model for a graph or batch."""
    if isinstance(model, GraphModel):
        return model.inputs(data)
    inputs = {"x": data.x, "edge_index": data.edge_index}
    return inputs if data.get("batch") is None else {**inputs, "batch": data.batch}


def check_options(
    in_channels: int,
    out_channels: int,
    hidden_channels: int,
    readout: str | None = None,
    num_layers: int = 1,
    num_categories: int | None = None,
    **shares: float,
) -> None:
    """Validates widths, depth, readout and dropout rates of a model."""
    check_counts(in_channels=in_channels, out_channels=out_channels, hidden_channels=hidden_channels)
    check_counts(most=DEEPEST, num_layers=num_layers)
    if num_categories is not None:
        check_counts(num_categories=num_categories)
    if readout is not None and (not isinstance(readout, str) or readout not in READOUTS):
        raise InputError(f"`readout` must be one of {', '.join(READOUTS)}, or none for nodes (got {readout!r})")
    check_shares(**shares)


def check_batch(x: Tensor, batch: Tensor | None) -> None:
    """Validates the type and shape of ``batch``.

    The check detects edge weights that are passed by position, as in PyG.
    """
    if batch is None:
        return
    if not isinstance(batch, Tensor) or batch.dtype not in (torch.int64, torch.int32) or batch.shape != x.shape[:1]:
        got = f"{batch.dtype} of shape {list(batch.shape)}" if isinstance(batch, Tensor) else repr(batch)
        raise InputTypeError(
            f"expected `batch` to hold the graph of each of the {x.size(0)} nodes, got {got}; pass weights of edges by "
            "name, as `edge_weight`"
        )


def refuse_readout_of_nodes(dataset: Any, options: dict[str, Any]) -> None:
    """Raises an error if a readout is set for a data set of nodes."""
    if dataset.level == "node" and options.get("readout") is not None:
        raise InputError(f"`readout` is for graphs, but {dataset.name} is about nodes (got {options['readout']!r})")


def make_activation(name: str, option: str = "act") -> torch.nn.Module:
    """Creates a PyTorch activation by name; a leaky ReLU has the slope 0.2.

    Args:
        name (str): Name of the activation.
        option (str, optional): Name of the argument in the error message. (default: ``"act"``)

    Raises:
        InputError: If there is no such activation, or it changes the shape of its input.
    """
    if not isinstance(name, str):
        raise InputTypeError(f"`{option}` must be the name of an activation, such as relu (got {name!r})")
    try:
        activation = activation_resolver(name, **({"negative_slope": 0.2} if name == "leaky_relu" else {}))
        same = activation.eval()(torch.zeros(2, 4)).shape == (2, 4)
    except (ValueError, TypeError, NotImplementedError, RuntimeError):  # PyG also resolves modules of other kinds
        same = False
    if not same:
        raise InputError(f"`{option}` must be an activation of torch.nn, such as relu, elu or tanh (got {name!r})")
    return activation.train()


def embed(x: Tensor, embedding: torch.nn.Embedding | None) -> Tensor:
    """Embeds categories ``[N]`` or ``[N, 1]``; features are returned unchanged."""
    return x if embedding is None else embedding(x.flatten())


def read_out(x: Tensor, batch: Tensor | None, batch_size: int | None, reduce: str) -> Tensor:
    """Reduces node features ``[N, D]`` to graph features ``[B, D]``.

    Without ``batch``, all nodes are one graph.
    """
    if reduce not in REDUCTIONS:
        raise InputError(f"`reduce` must be one of {', '.join(REDUCTIONS)} (got {reduce!r})")
    if batch is None:
        batch, batch_size = torch.zeros(x.size(0), dtype=torch.long, device=x.device), 1
    return scatter(widen(x), batch, dim=0, dim_size=batch_size, reduce=reduce).to(x.dtype)
