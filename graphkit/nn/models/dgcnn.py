"""Dynamic graph CNN for point clouds (DGCNN)."""

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from graphkit.nn.conv.dynamic_edge_conv import DynamicEdgeConv
from graphkit.nn.models.graph_model import (
    GraphModel,
    check_batch,
    check_options,
    embed,
    read_out,
    refuse_readout_of_nodes,
)
from graphkit.nn.options import check_counts, check_flags
from graphkit.registry import register_model


@register_model("dgcnn")
class DGCNN(GraphModel):
    """Dynamic graph CNN for point clouds (DGCNN, ACM TOG 2019).

    Each layer builds a k-nearest-neighbor graph of its input features, see :class:`DynamicEdgeConv`. The outputs of all
    layers are concatenated, projected, normalized and pooled over the points of a cloud (maximum and mean). A
    perceptron of three linear layers gives the outputs.

    Args:
        in_channels (int): Width of the points, 3 for coordinates.
        out_channels (int): Number of outputs.
        hidden_channels (int, optional): Width of the first two layers; doubles with every further layer.
            (default: ``64``)
        num_layers (int, optional): Number of layers. The published network has 4 layers and 64 channels.
            (default: ``4``)
        k (int, optional): Number of neighbors of a point. (default: ``20``)
        per_cloud (bool, optional): If ``False``, returns one output per point, without pooling. (default: ``True``)
        dropout (float, optional): Dropout before each of the last two linear layers. (default: ``0.5``)
        num_categories (int, optional): Number of categories to embed, if ``x`` holds categories. (default: ``None``)

    Shapes:
        - **input:** ``x`` ``[N, F]``, ``batch`` ``[N]``; ``edge_index`` is ignored.
        - **output:** ``[B, out_channels]``, or ``[N, out_channels]`` if ``per_cloud`` is off.

    Reference:
        Wang, Sun, Liu, Sarma, Bronstein and Solomon, `Dynamic Graph CNN for Learning on Point Clouds
        <https://arxiv.org/abs/1801.07829>`_, ACM TOG 2019.

    Differences:
        Linear layers before a norm have no bias. As in the latest released code, there is no spatial transformer.
    """

    uses_edges = False
    takes_sparse_features = False

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        hidden_channels: int = 64,
        num_layers: int = 4,
        k: int = 20,
        per_cloud: bool = True,
        dropout: float = 0.5,
        num_categories: int | None = None,
    ) -> None:
        super().__init__()
        check_options(in_channels, out_channels, hidden_channels, None, num_layers, num_categories, dropout=dropout)
        check_counts(most=16, num_layers=num_layers)  # each doubles the width
        check_counts(k=k)
        check_flags(per_cloud=per_cloud)
        self.per_cloud, self.dropout = per_cloud, dropout
        self.embedding = None if num_categories is None else torch.nn.Embedding(num_categories, in_channels)
        widths = [in_channels, *[hidden_channels * 2 ** max(0, layer - 1) for layer in range(num_layers)]]
        self.convs = torch.nn.ModuleList(
            DynamicEdgeConv(width, following, k) for width, following in zip(widths[:-1], widths[1:], strict=True)
        )
        joined = 16 * hidden_channels
        self.join = _dense(sum(widths[1:]), joined)
        self.hidden1 = _dense(2 * joined if per_cloud else joined, 8 * hidden_channels)
        self.hidden2 = _dense(8 * hidden_channels, 4 * hidden_channels)
        self.out = torch.nn.Linear(4 * hidden_channels, out_channels)

    @classmethod
    def from_data(cls, dataset: Any, **options: Any) -> "DGCNN":
        """Creates a model with the widths of a :class:`graphkit.data.GraphDataset`."""
        refuse_readout_of_nodes(dataset, options)
        options = {"per_cloud": dataset.level == "graph", **options}
        if dataset.num_categories is not None:
            options = {"in_channels": 36, "num_categories": dataset.num_categories, **options}
        else:
            options = {**options, "in_channels": dataset.num_features}
        return cls(out_channels=dataset.num_outputs, **options)

    def forward(
        self, x: Tensor, edge_index: Tensor | None = None, batch: Tensor | None = None, batch_size: int | None = None
    ) -> Tensor:
        """Returns the outputs of the clouds or of the points."""
        check_batch(x, batch)
        x = embed(x, self.embedding)
        layers = []
        for conv in self.convs:
            x, _ = conv(x, batch)
            layers.append(x)
        x = self.join(torch.cat(layers, dim=1))
        if self.per_cloud:
            x = torch.cat([read_out(x, batch, batch_size, reduce) for reduce in ("max", "mean")], dim=1)
        x = F.dropout(self.hidden1(x), self.dropout, self.training)
        return self.out(F.dropout(self.hidden2(x), self.dropout, self.training))


def _dense(in_channels: int, out_channels: int) -> torch.nn.Sequential:
    return torch.nn.Sequential(
        torch.nn.Linear(in_channels, out_channels, bias=False),
        _Norm(out_channels),
        torch.nn.LeakyReLU(0.2),
    )


class _Norm(torch.nn.BatchNorm1d):
    """Batch norm that normalizes a batch of one row with the running statistics."""

    takes_one = True

    def forward(self, x: Tensor) -> Tensor:
        if x.size(0) > 1:
            return super().forward(x)
        return F.batch_norm(x, self.running_mean, self.running_var, self.weight, self.bias, eps=self.eps)
