"""Base class of the models with graph layers: the parts around the layers."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch_geometric.nn import AttentionalAggregation, JumpingKnowledge

from graphkit.errors import InputError
from graphkit.nn.models.graph_model import GraphModel, read_out
from graphkit.nn.options import check_choice, check_flags, check_shares
from graphkit.nn.sparse import drop, full_precision

#: Rows of the node features that are read to find out whether each has a single 1.
_ROWS = 10_000


class TrunkModel(GraphModel):
    """Base class of the models with graph layers.

    It holds the parts around the layers that all of these models share. A subclass calls :meth:`add_trunk` once the
    widths of its layers are known. Without an option the trunk has no weights.

    Args:
        batch_norm (bool, optional): If ``True``, batch norm follows each hidden layer. (default: ``False``)
        layer_norm (bool, optional): If ``True``, layer norm follows each hidden layer. (default: ``False``)
        residual (bool, optional): If ``True``, each layer adds a linear map of its input, except a layer on the node
            features themselves. (default: ``False``)
        input_projection (bool, optional): If ``True``, a linear map to ``hidden_channels`` precedes the first layer.
            (default: ``False``)
        jk (str, optional): Jumping knowledge: a linear head on the outputs of all layers, concatenated (``"cat"``) or
            reduced to their maximum (``"max"``); ``None`` for the last layer only. (default: ``None``)
        input_dropout (float, optional): Dropout on the node features; ``dropout`` if ``None``. ``from_data`` takes 0
            for features whose rows have a single 1, of which dropout would leave nothing. (default: ``None``)

    Reference:
        Xu, Li, Tian, Sonobe, Kawarabayashi and Jegelka, `Representation Learning on Graphs with Jumping Knowledge
        Networks <https://arxiv.org/abs/1806.03536>`_, ICML 2018.
    """

    input_map: torch.nn.Linear | None

    def __init__(
        self,
        *,
        batch_norm: bool = False,
        layer_norm: bool = False,
        residual: bool = False,
        input_projection: bool = False,
        jk: str | None = None,
        input_dropout: float | None = None,
    ) -> None:
        super().__init__()
        check_flags(batch_norm=batch_norm, layer_norm=layer_norm, residual=residual, input_projection=input_projection)
        if batch_norm and layer_norm:
            raise InputError("expected one of `batch_norm` and `layer_norm`, got both; leave one of them out")
        if jk is not None:
            check_choice("jk", jk, ("cat", "max"))
        if input_dropout is not None:
            check_shares(input_dropout=input_dropout)
        self.batch_norm, self.layer_norm = batch_norm, layer_norm
        self.residual, self.input_projection = residual, input_projection
        self.jk, self.input_dropout = jk, input_dropout

    def add_trunk(
        self,
        in_channels: int,
        hidden_channels: int,
        widths: Sequence[int],
        dropout: float,
        readout: str | None,
        readout_widths: Sequence[int] = (),
    ) -> None:
        """Creates the modules of the trunk.

        Args:
            in_channels (int): Width of the node features.
            hidden_channels (int): Width of hidden layers.
            widths (Sequence[int]): Output width of each layer.
            dropout (float): Dropout on the input of each layer.
            readout (str, optional): Readout over the nodes of a graph.
            readout_widths (Sequence[int], optional): Widths of the features that are read out. (default: ``()``)
        """
        self.dropout, self.readout = dropout, readout
        self.input_map = torch.nn.Linear(in_channels, hidden_channels) if self.input_projection else None
        inputs = [hidden_channels if self.input_projection else in_channels, *widths[:-1]]
        self.residuals = torch.nn.ModuleDict({
            str(layer): torch.nn.Linear(before, after, bias=False)
            for layer, (before, after) in enumerate(zip(inputs, widths, strict=True))
            if self.residual and (layer or self.input_projection)
        })  # fmt: skip
        gates = readout_widths if readout == "attention" else ()
        self.pools = torch.nn.ModuleList(AttentionalAggregation(torch.nn.Linear(width, 1)) for width in gates)
        self.jump = torch.nn.Identity() if self.jk is None else JumpingKnowledge(self.jk)

    def first_width(self, in_channels: int, hidden_channels: int) -> int:
        """Returns the width of the input of the first layer."""
        return hidden_channels if self.input_projection else in_channels

    def joined_width(self, hidden_channels: int, num_layers: int) -> int:
        """Returns the width of the output of :meth:`join`."""
        return hidden_channels * num_layers if self.jk == "cat" else hidden_channels

    def make_norm(self, width: int) -> torch.nn.Module:
        """Creates the norm that follows a hidden layer."""
        if self.layer_norm:
            return torch.nn.LayerNorm(width)
        return torch.nn.BatchNorm1d(width) if self.batch_norm else torch.nn.Identity()

    def enter(self, x: Tensor) -> Tensor:
        """Returns the input of the first layer: the node features, or their projection."""
        if self.input_map is None:
            return x
        x = drop(x, self.dropout if self.input_dropout is None else self.input_dropout, self.training)
        if x.layout == torch.strided:
            return self.input_map(x)
        with full_precision(x):
            return x @ self.input_map.weight.t() + self.input_map.bias

    def drop(self, x: Tensor, layer: int) -> Tensor:
        """Applies dropout to the input of a layer."""
        on_features = layer == 0 and self.input_map is None and self.input_dropout is not None
        return drop(x, self.input_dropout if on_features else self.dropout, self.training)  # type: ignore[arg-type]

    def add_residual(self, layer: int, x: Tensor, out: Tensor) -> Tensor:
        """Returns the output of a layer, plus a map of its input if there is one."""
        key = str(layer)
        return out + self.residuals[key](x) if key in self.residuals else out

    def join(self, layers: list[Tensor]) -> Tensor:
        """Returns the features of the last layer, or of all layers if ``jk`` is set."""
        if self.jk is None:
            return layers[-1]
        joined: Tensor = self.jump(layers)
        return drop(joined, self.dropout, self.training)

    def read_out(self, x: Tensor, batch: Tensor | None, batch_size: int | None, index: int = 0) -> Tensor:
        """Reduces node features ``[N, D]`` to graph features ``[B, D]``.

        Without ``batch``, all nodes are one graph.
        """
        if self.readout != "attention":
            return read_out(x, batch, batch_size, str(self.readout))
        if batch is None:
            batch, batch_size = torch.zeros(x.size(0), dtype=torch.long, device=x.device), 1
        pooled: Tensor = self.pools[index](x, batch, dim_size=batch_size)
        return pooled


def with_input_dropout(dataset: Any, options: dict[str, Any]) -> dict[str, Any]:
    """Returns the options of a model, without dropout on rows with a single 1.

    An ``input_dropout`` that is set stays.
    """
    if "input_dropout" in options or getattr(dataset, "mapped", False):
        return options
    x = (dataset.graphs[0] if dataset.collection is None else dataset.collection.node).get("x")
    return {**options, "input_dropout": 0.0} if isinstance(x, Tensor) and is_one_hot(x) else options


def is_one_hot(x: Tensor) -> bool:
    """Returns whether each of the first rows of a matrix has a single 1 and zeros.

    Args:
        x (Tensor): Matrix ``[N, D]``, dense or sparse.
    """
    if x.dim() != 2 or x.size(0) == 0 or x.size(1) < 2 or not x.is_floating_point():
        return False
    if x.layout == torch.strided:
        rows = x[:_ROWS]
        return bool(((rows == 0) | (rows == 1)).all() and (rows.sum(dim=1) == 1).all())
    if x.layout == torch.sparse_csr:
        counts = x.crow_indices()[: _ROWS + 1].diff()
    else:
        x = x.coalesce()
        counts = x.indices()[0].bincount(minlength=x.size(0))[:_ROWS]
    values = x.values()[: int(counts.sum())]  # sorted by rows
    return bool((counts == 1).all() and (values == 1).all())
