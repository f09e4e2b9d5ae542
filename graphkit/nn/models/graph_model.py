"""What all models share: how they read a batch, the embedding of categories and the read-out of graphs."""

from typing import Any, ClassVar, Literal, NamedTuple

import torch
from torch import Tensor
from torch_geometric.data import Data
from torch_geometric.nn.resolver import activation_resolver
from torch_geometric.utils import scatter

from graphkit.errors import InputError, InputTypeError
from graphkit.nn.options import DEEPEST, check_counts, check_shares
from graphkit.ops._segments import widen

READOUTS = ("mean", "sum", "max")


class ReceptiveField(NamedTuple):
    """How far a model looks from a node, so that what it needs can be cut out of a large graph.

    Args:
        num_layers: Number of layers.
        path_layers: How many of them, from the first one, attend to paths; the others look along edges.
        max_hops: Largest number of hops of a path.
        ratio: Share of its degree that a node keeps of each length above one hop; ``None`` for all paths.
    """

    num_layers: int
    path_layers: int = 0
    max_hops: int = 1
    ratio: float | None = None


class GraphModel(torch.nn.Module):
    """A plain module with the few things that a training loop must know of a model.

    A model file registers one sub-class with ``@register_model(name)`` and gives it a ``from_data`` that takes its
    widths from a data set. ``forward`` takes what :meth:`inputs` returns. A model with a loss of its own (FactorGCN's
    discriminators) sets ``has_penalty`` and returns ``(output, penalty)`` when called with ``return_penalty=True``.
    One that trains in phases (SPAGAN) says whether it :attr:`has_next_phase` and begins it in :meth:`begin_phase`.
    """

    #: Kind of the items that ``forward`` takes; a data set fits if it :attr:`~graphkit.data.GraphDataset.holds` them.
    reads: ClassVar[Literal["graphs", "skeleton clips"]] = "graphs"
    has_penalty = False
    #: Whether ``forward`` takes ``return_factors``, for the coefficients ``[E, M]`` of every layer.
    returns_factors = False
    #: Whether ``forward`` takes ``return_attention``, for the matrices that mixed the joints in each block.
    returns_joint_attention = False
    #: Whether the model looks at edges, at their weights, at paths along them, and divides by weighted degrees.
    uses_edges = True
    uses_edge_weight = False
    uses_paths = False
    normalizes_by_degree = False
    #: Whether features may be sparse.
    takes_sparse_features = True

    def init_from_data(self, data: Data) -> None:
        """Takes first weights from a batch of training data, for the models that can; called once before training."""

    @property
    def has_next_phase(self) -> bool:
        """Whether training goes on with another phase when this one ends."""
        return False

    def begin_phase(self, data: Data) -> Data | None:
        """Begins the next phase of training, for models that train in phases.

        The loop calls it when early stopping (or the largest number of epochs) has ended a phase, with the weights
        chosen in it put back, and makes a new optimizer afterwards. What the phase knows beyond the weights must be in
        the model's state.

        Args:
            data: The graph, or all graphs as one batch, as the data set has them.

        Returns:
            The data as the new phase reads them; ``None`` if there is no further phase.
        """
        return None

    def prepare(self, data: Data) -> Data:
        """Returns the data as the present phase reads them, where training goes on from a checkpoint."""
        return data

    def receptive_field(self, data: Data) -> ReceptiveField | None:
        """Returns how far the model looks from a node of a graph; ``None`` if it needs the graph as a whole."""
        return None

    def prepare_for_sampling(self, data: Data) -> Data:
        """Returns the graph with what a part of it must know of the whole, as attributes of its nodes.

        Batches of nodes carry these attributes, and :meth:`inputs` reads them. Models that look at the features of
        nodes alone need none.
        """
        return data

    def begin_sampled_phase(self, data: Data) -> bool:
        """Begins the next phase, as :meth:`begin_phase` does, where the data are read in batches of nodes.

        Returns:
            Whether there is one.
        """
        return False

    def with_edge_costs(self, data: Data) -> Data:
        """Returns the graph with the lengths of its edges in the present phase, for paths to be found by.

        They are in ``path_length``, which is not there where all edges have the length 1.
        """
        return data

    def last_hidden_layer(self, by_node: bool) -> str | None:
        """Returns the name of the sub-module that gives the features before the output layer.

        Args:
            by_node: Whether the items are nodes, so that the last graph layer makes the outputs.

        Returns:
            The name; ``None`` where it is a graph layer, called as a module.
        """
        return None

    def inputs(self, data: Data) -> dict[str, Any]:
        """Returns the arguments of ``forward`` for a graph or a batch of graphs."""
        if data.get("batch") is None:
            return {"x": data.x, "edge_index": data.edge_index}
        return {"x": data.x, "edge_index": data.edge_index, "batch": data.batch, "batch_size": int(data.num_graphs)}


def model_inputs(model: torch.nn.Module, data: Data) -> dict[str, Any]:
    """Returns the arguments of any module for a graph or a batch: :meth:`GraphModel.inputs`, or those of PyG's."""
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
    """Refuses widths and depths below one, a read-out that does not exist and dropouts outside of [0, 1)."""
    check_counts(in_channels=in_channels, out_channels=out_channels, hidden_channels=hidden_channels)
    check_counts(most=DEEPEST, num_layers=num_layers)
    if num_categories is not None:
        check_counts(num_categories=num_categories)
    if readout is not None and (not isinstance(readout, str) or readout not in READOUTS):
        raise InputError(f"`readout` must be one of {', '.join(READOUTS)}, or none for nodes (got {readout!r})")
    check_shares(**shares)


def check_batch(x: Tensor, batch: Tensor | None) -> None:
    """Refuses what is not the graph of each node, such as weights of edges in the place where PyG's models take them.

    Looks at types and shapes only.
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
    """Refuses a read-out where the items of the data set are nodes."""
    if dataset.level == "node" and options.get("readout") is not None:
        raise InputError(f"`readout` is for graphs, but {dataset.name} is about nodes (got {options['readout']!r})")


def make_activation(name: str, option: str = "act") -> torch.nn.Module:
    """Returns an activation of PyTorch by name; a leaky ReLU has the slope 0.2.

    Args:
        name: Name of the activation.
        option: Name of the argument, for the message.

    Raises:
        ValueError: If there is no such activation, or it changes the shape of its input.
    """
    if not isinstance(name, str):
        raise InputTypeError(f"`{option}` must be the name of an activation, such as relu (got {name!r})")
    try:
        activation = activation_resolver(name, **({"negative_slope": 0.2} if name == "leaky_relu" else {}))
        same = activation.eval()(torch.zeros(2, 4)).shape == (2, 4)
    except (ValueError, TypeError, NotImplementedError, RuntimeError):  # PyG also finds names that are no activation
        same = False
    if not same:
        raise InputError(f"`{option}` must be an activation of torch.nn, such as relu, elu or tanh (got {name!r})")
    return activation.train()


def embed(x: Tensor, embedding: torch.nn.Embedding | None) -> Tensor:
    """Looks up categories ``[N]`` or ``[N, 1]`` in the embedding; without one, returns the features as they are."""
    return x if embedding is None else embedding(x.flatten())


def read_out(x: Tensor, batch: Tensor | None, batch_size: int | None, reduce: str) -> Tensor:
    """Reduces node features ``[N, D]`` to graph features ``[B, D]``; without ``batch`` all nodes are one graph."""
    if reduce not in READOUTS:
        raise InputError(f"`reduce` must be one of {', '.join(READOUTS)} (got {reduce!r})")
    if batch is None:
        batch, batch_size = torch.zeros(x.size(0), dtype=torch.long, device=x.device), 1
    return scatter(widen(x), batch, dim=0, dim_size=batch_size, reduce=reduce).to(x.dtype)
