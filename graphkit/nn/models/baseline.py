"""Base class of the models that wrap a PyG layer stack."""

from collections.abc import Sequence
from inspect import signature
from itertools import accumulate
from typing import Any, ClassVar, cast

import torch
from torch import Tensor
from torch_geometric import EdgeIndex
from torch_geometric.data import Data
from torch_geometric.nn.models import MLP as PyGMLP

from graphkit.errors import InputError
from graphkit.nn.models.graph_model import (
    ReceptiveField,
    check_batch,
    check_options,
    embed,
    make_activation,
    refuse_readout_of_nodes,
    with_edge_features,
)
from graphkit.nn.models.trunk import TrunkModel, with_input_dropout
from graphkit.nn.options import check_like
from graphkit.nn.search_space import Choice
from graphkit.nn.sparse import full_precision

#: Arguments of :class:`TrunkModel`.
_TRUNK = tuple(signature(TrunkModel).parameters)


class Baseline(TrunkModel):
    """Stack of PyG layers with an optional readout and linear head.

    Subclasses set :attr:`stack`. Without a readout, the last layer of the stack gives the outputs.
    For data sets of graphs, :meth:`from_data` uses :attr:`graph_defaults`, which follow `How Powerful are Graph Neural
    Networks? <https://arxiv.org/abs/1810.00826>`_.

    Args:
        in_channels (int): Width of the node features, or of the embedding if ``num_categories`` is given.
        out_channels (int): Number of outputs.
        hidden_channels (int, optional): Width of every hidden layer. (default: ``64``)
        num_layers (int, optional): Number of layers. (default: ``2``)
        readout (str, optional): ``None`` for one output per node, else ``"mean"``, ``"sum"``, ``"max"`` or
            ``"attention"`` over the nodes of a graph. (default: ``None``)
        dropout (float, optional): Dropout on the input of every layer. (default: ``0.5``)
        num_categories (int, optional): Number of node categories to embed, if ``x`` holds categories.
            (default: ``None``)
        options (optional): Arguments of :class:`TrunkModel`, and further ones of the PyG class, such as ``act``.

    Raises:
        InputError: If an argument has a wrong type or is out of range, or the PyG class has no such option.

    Shapes:
        - **input:** ``x`` ``[N, F]`` or ``[N]`` categories, ``edge_index`` ``[2, E]``, ``batch`` ``[N]``.
        - **output:** ``[N, out_channels]`` or ``[B, out_channels]``.
    """

    #: PyG classes that accept the options.
    layers: ClassVar[tuple[type, ...]] = (PyGMLP,)
    #: Class of the stack of layers; ``None`` for a perceptron.
    stack: ClassVar[type[torch.nn.Module] | None] = None
    search_space = {**TrunkModel.search_space, "model.hidden_channels": Choice((16, 32, 64, 128))}
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
        num_categories: int | None = None,
        **options: Any,
    ) -> None:
        super().__init__(**{name: options.pop(name) for name in _TRUNK if name in options})
        check_options(in_channels, out_channels, hidden_channels, readout, num_layers, num_categories, dropout=dropout)
        if "act" in options:
            make_activation(options["act"])  # raises an error for an unknown name
        check_like(options, *self.layers)
        self.num_layers = num_layers
        self.embedding = None if num_categories is None else torch.nn.Embedding(num_categories, in_channels)
        has_head = readout is not None or self.jk is not None
        width = hidden_channels if has_head else out_channels
        norm = "batch_norm" if self.batch_norm else "layer_norm" if self.layer_norm else None
        if norm is not None:  # a batch of one row has no variance: normalized with the running statistics
            per_row = {"allow_single_element": True} if self.batch_norm else {"mode": "node"}
            options = {"norm_kwargs": per_row, **options}
        first_width = self.first_width(in_channels, hidden_channels)
        try:
            self.body = self.make_body(first_width, hidden_channels, num_layers, width, dropout, norm, **options)
        except InputError:
            raise
        except (AssertionError, AttributeError, LookupError, OverflowError, TypeError, ValueError) as error:  # PyG's
            named = ", ".join(f"{name}={value!r:.40}" for name, value in options.items() if name != "norm_kwargs")
            reason = " ".join(str(error).split())
            raise InputError(f"{type(self).__name__} cannot be made with the options {named} ({reason})") from None
        joined = self.joined_width(hidden_channels, num_layers)
        self.head = torch.nn.Linear(joined, out_channels) if has_head else None
        widths = [*[hidden_channels] * (num_layers - 1), width]
        self.add_trunk(in_channels, hidden_channels, widths, dropout, readout, [joined])

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
        """Creates the stack of PyG layers; a perceptron without :attr:`stack`."""
        if self.stack is not None:
            return self.stack(in_channels, hidden, num_layers, out_channels, dropout=dropout, norm=norm, **options)
        channels = [in_channels, *[hidden] * (num_layers - 1), out_channels]
        return PyGMLP(channels, dropout=dropout, norm=norm, **options)

    def inputs(self, data: Data) -> dict[str, Any]:
        """Returns the arguments of ``forward``, with the numbers of sampled nodes."""
        inputs, num_sampled_nodes = super().inputs(data), data.get("num_sampled_nodes")
        return inputs if num_sampled_nodes is None else {**inputs, "num_sampled_nodes": num_sampled_nodes}

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
        if cls.takes_edge_attr:
            options = with_edge_features(dataset, options)
        return cls(out_channels=dataset.num_outputs, **with_input_dropout(dataset, options))

    def forward(
        self,
        x: Tensor,
        edge_index: Tensor,
        batch: Tensor | None = None,
        batch_size: int | None = None,
        edge_weight: Tensor | None = None,
        edge_attr: Tensor | None = None,
        num_sampled_nodes: Sequence[int] | None = None,
    ) -> Tensor:
        """Returns the outputs of the nodes or of the graphs.

        With ``num_sampled_nodes``, those of the seeds only.
        """
        edges = {"edge_weight": edge_weight, "edge_attr": edge_attr}
        return self._run(x, edge_index, batch, batch_size, num_sampled_nodes=num_sampled_nodes, **edges)

    def _run(
        self, x: Tensor, edge_index: Tensor, batch: Tensor | None, batch_size: int | None, **options: Any
    ) -> Tensor:
        """Applies the layers, with the options that they support, and the head."""
        check_batch(x, batch)
        x = self.enter(embed(x, self.embedding))
        with full_precision(x):
            x = self.join(self._layers(x, edge_index, **options))
        if self.readout is not None:
            x = self.read_out(x, batch, batch_size)
        return x if self.head is None else self.head(x)

    def _layers(
        self, x: Tensor, edge_index: Tensor, num_sampled_nodes: Sequence[int] | None = None, **options: Any
    ) -> list[Tensor]:
        """Returns the outputs of all layers, as those of PyG's class.

        In a sampled subgraph, a layer skips the nodes and edges whose outputs no seed needs.
        """
        body = cast(Any, self.body)
        by_node = isinstance(body, PyGMLP)
        convs = body.lins if by_node else body.convs
        kwargs = {name: value for name, value in options.items() if getattr(body, f"supports_{name}", False)}
        kwargs = {name: value for name, value in kwargs.items() if value is not None}
        last = len(convs) - int(getattr(body, "plain_last", True))
        sizes = list(accumulate(num_sampled_nodes or ()))[: len(convs)]
        outputs = []
        for layer, conv in enumerate(convs):
            x = self.drop(x, layer)
            if sizes and layer:
                edge_index, kwargs = _edges_into(sizes[-1], x.size(0), edge_index, kwargs)
            out = conv(x) if by_node else conv(x, edge_index, **kwargs)
            if sizes and not by_node:
                x, out = x[: sizes[-1]], out[: sizes[-1]]
                sizes = sizes[: max(1, len(convs) - 1 - layer)]
            x = self.add_residual(layer, x, out)
            if layer < last:
                x = body.act(x) if body.act is not None and body.act_first else x
                x = body.norms[layer](x)
                x = body.act(x) if body.act is not None and not body.act_first else x
            outputs.append(x)
        return [out[: x.size(0)] for out in outputs] if sizes else outputs


def _edges_into(
    num_targets: int, num_nodes: int, edge_index: Tensor, attributes: dict[str, Any]
) -> tuple[Tensor, dict[str, Any]]:
    """Returns the edges into the first nodes, and their attributes."""
    plain = edge_index.as_tensor() if isinstance(edge_index, EdgeIndex) else edge_index
    is_sorted = isinstance(edge_index, EdgeIndex) and edge_index.is_sorted_by_col
    needed: Any = slice(int(torch.searchsorted(plain[1], num_targets))) if is_sorted else plain[1] < num_targets
    plain = plain[:, needed]
    if isinstance(edge_index, EdgeIndex):
        order = "col" if is_sorted else None
        plain = EdgeIndex(plain.contiguous(), sparse_size=(num_nodes, num_nodes), sort_order=order)
    return plain, {name: value[needed] for name, value in attributes.items()}
