"""Base class of the models that wrap a PyG layer stack."""

from typing import Any, ClassVar

import torch
from torch import Tensor
from torch_geometric.data import Data
from torch_geometric.nn.models import MLP as PyGMLP

from graphkit.errors import InputError
from graphkit.nn.models.graph_model import (
    GraphModel,
    ReceptiveField,
    check_batch,
    check_options,
    embed,
    make_activation,
    read_out,
    refuse_readout_of_nodes,
)
from graphkit.nn.options import check_flags, check_like
from graphkit.nn.search_space import Choice
from graphkit.nn.sparse import drop, full_precision


class Baseline(GraphModel):
    """Stack of PyG layers with an optional readout and linear head.

    Subclasses create the stack in :meth:`make_body`. Without a readout, the last layer of the stack gives the outputs.
    For data sets of graphs, :meth:`from_data` uses :attr:`graph_defaults`, which follow `How Powerful are Graph Neural
    Networks? <https://arxiv.org/abs/1810.00826>`_.

    Args:
        in_channels (int): Width of the node features, or of the embedding if ``num_categories`` is given.
        out_channels (int): Number of outputs.
        hidden_channels (int, optional): Width of every hidden layer. (default: ``64``)
        num_layers (int, optional): Number of layers. (default: ``2``)
        readout (str, optional): ``None`` for one output per node, else ``"mean"``, ``"sum"`` or ``"max"`` over the
            nodes of a graph. (default: ``None``)
        dropout (float, optional): Dropout on the input and between the layers. (default: ``0.5``)
        batch_norm (bool, optional): If ``True``, batch norm follows each hidden layer. (default: ``False``)
        num_categories (int, optional): Number of node categories to embed, if ``x`` holds categories.
            (default: ``None``)
        options (optional): Further arguments of the PyG class, such as ``heads``.

    Raises:
        InputError: If an argument has a wrong type or is out of range, or the PyG class has no such option.

    Shapes:
        - **input:** ``x`` ``[N, F]`` or ``[N]`` categories, ``edge_index`` ``[2, E]``, ``batch`` ``[N]``.
        - **output:** ``[N, out_channels]`` or ``[B, out_channels]``.
    """

    #: PyG classes that accept the options.
    layers: ClassVar[tuple[type, ...]] = (PyGMLP,)
    search_space = {**GraphModel.search_space, "model.hidden_channels": Choice((16, 32, 64, 128))}
    #: Defaults of :meth:`from_data` for graph-level tasks.
    graph_defaults: ClassVar[dict[str, Any]] = {
        "num_layers": 4, "readout": "mean", "dropout": 0.0, "batch_norm": True,
    }  # fmt: skip

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        hidden_channels: int = 64,
        num_layers: int = 2,
        readout: str | None = None,
        dropout: float = 0.5,
        batch_norm: bool = False,
        num_categories: int | None = None,
        **options: Any,
    ) -> None:
        super().__init__()
        check_options(in_channels, out_channels, hidden_channels, readout, num_layers, num_categories, dropout=dropout)
        check_flags(batch_norm=batch_norm)
        if "act" in options:
            make_activation(options["act"])  # raises an error for an unknown name
        check_like(options, *self.layers)
        self.readout = readout
        self.num_layers = num_layers
        self.dropout = dropout
        self.embedding = None if num_categories is None else torch.nn.Embedding(num_categories, in_channels)
        width = out_channels if readout is None else hidden_channels
        if batch_norm:  # a batch of one row has no variance: normalized with the running statistics
            options = {"norm_kwargs": {"allow_single_element": True}, **options}
        norm = "batch_norm" if batch_norm else None
        try:
            self.body = self.make_body(in_channels, hidden_channels, num_layers, width, dropout, norm, **options)
        except InputError:
            raise
        except (AssertionError, AttributeError, LookupError, OverflowError, TypeError, ValueError) as error:  # PyG's
            named = ", ".join(f"{name}={value!r:.40}" for name, value in options.items() if name != "norm_kwargs")
            reason = " ".join(str(error).split())
            raise InputError(f"{type(self).__name__} cannot be made with the options {named} ({reason})") from None
        self.head = None if readout is None else torch.nn.Linear(hidden_channels, out_channels)

    def make_body(
        self,
        in_channels: int,
        hidden: int,
        num_layers: int,
        out_channels: int,
        dropout: float,
        norm: str | None,
        **options: Any,
    ) -> torch.nn.Module:
        """Creates the stack of PyG layers; by default a perceptron on each node."""
        channels = [in_channels, *[hidden] * (num_layers - 1), out_channels]
        return PyGMLP(channels, dropout=dropout, norm=norm, **options)

    def receptive_field(self, data: Data) -> ReceptiveField | None:
        """Returns the receptive field of a node; ``None`` with a readout."""
        if self.readout is not None:
            return None
        return ReceptiveField(0 if isinstance(self.body, PyGMLP) else self.num_layers)

    @classmethod
    def from_data(cls, dataset: Any, **options: Any) -> "Baseline":
        """Creates a model with the widths of a :class:`graphkit.data.GraphDataset`."""
        refuse_readout_of_nodes(dataset, options)
        if dataset.level == "graph":
            options = {**cls.graph_defaults, **options}
        if dataset.num_categories is not None:
            options = {"in_channels": 36, "num_categories": dataset.num_categories, **options}
        else:
            options = {**options, "in_channels": dataset.num_features}
        return cls(out_channels=dataset.num_outputs, **options)

    def forward(
        self,
        x: Tensor,
        edge_index: Tensor,
        batch: Tensor | None = None,
        batch_size: int | None = None,
        edge_weight: Tensor | None = None,
        edge_attr: Tensor | None = None,
    ) -> Tensor:
        """Returns the outputs of the nodes or of the graphs."""
        return self._run(x, edge_index, batch, batch_size, edge_weight=edge_weight, edge_attr=edge_attr)

    def _run(
        self, x: Tensor, edge_index: Tensor, batch: Tensor | None, batch_size: int | None, **options: Any
    ) -> Tensor:
        """Applies the stack, with the options that are not ``None``, and the head."""
        check_batch(x, batch)
        x = drop(embed(x, self.embedding), self.dropout, self.training)
        options = {name: value for name, value in options.items() if value is not None}
        with full_precision(x):
            x = self.body(x) if isinstance(self.body, PyGMLP) else self.body(x, edge_index, **options)
        if self.readout is None or self.head is None:
            return x
        return self.head(read_out(x, batch, batch_size, self.readout))
