"""Dynamic edge convolution over k-nearest-neighbor graphs."""

import torch
from torch import Tensor
from torch.nn import functional as F
from torch_geometric.utils import scatter

from graphkit.nn.knn import knn_graph
from graphkit.nn.options import check_counts, check_numbers
from graphkit.nn.sync_batch_norm import SyncBatchNorm1d, remember, summed
from graphkit.ops import segment_max
from graphkit.ops._segments import widen


class DynamicEdgeConv(torch.nn.Module):
    r"""Dynamic edge convolution (EdgeConv of DGCNN).

    .. math::
        \mathbf{x}'_i = \max_{j \in \mathrm{kNN}(i)} \operatorname{LReLU}\bigl(\operatorname{BN}(
        \mathbf{W} \mathbf{x}_i + \mathbf{V} (\mathbf{x}_j - \mathbf{x}_i))\bigr)

    Args:
        in_channels (int): Width :math:`D` of the input.
        out_channels (int): Width :math:`D'` of the output.
        k (int, optional): Number of neighbors of each point. (default: ``20``)
        negative_slope (float, optional): Negative slope of the leaky ReLU. (default: ``0.2``)

    Shapes:
        - **input:** ``x`` ``[N, D]``, ``batch`` ``[N]`` with the cloud of each point (optional).
        - **output:** features ``[N, D']`` and the edges ``[2, E]`` of the k-nearest-neighbor graph.

    Notes:
        The graph is built from the features in every forward pass. Both products are computed per point and added per
        edge, which takes ``k`` times fewer operations. Norm and leaky ReLU are monotonic per channel, so the maximum
        over edges (the minimum where the weight of the norm is negative) is taken before they are applied. The
        statistics of the norm are those of all edges.

    Reference:
        Wang, Sun, Liu, Sarma, Bronstein and Solomon, `Dynamic Graph CNN for Learning on Point Clouds
        <https://arxiv.org/abs/1801.07829>`_, ACM TOG 2019.
    """

    def __init__(self, in_channels: int, out_channels: int, k: int = 20, negative_slope: float = 0.2) -> None:
        super().__init__()
        check_counts(in_channels=in_channels, out_channels=out_channels, k=k)
        check_numbers(negative_slope=negative_slope)
        self.k, self.negative_slope = k, negative_slope
        self.lin_target = torch.nn.Linear(in_channels, out_channels, bias=False)
        self.lin_source = torch.nn.Linear(in_channels, out_channels, bias=False)
        self.norm = torch.nn.BatchNorm1d(out_channels)

    def forward(self, x: Tensor, batch: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Returns the features of the points and the edges of the kNN graph."""
        edge_index = knn_graph(x, self.k, batch)
        row, col = edge_index.as_tensor()
        near, far = self._project(x, batch)
        counts = torch.bincount(col, minlength=x.size(0))
        ptr = F.pad(counts.cumsum(0), (1, 0))
        sign = torch.where(self.norm.weight >= 0, 1.0, -1.0).to(far.dtype)
        largest = segment_max((far * sign).index_select(0, row), ptr)[0] * sign
        with torch.autocast(x.device.type, enabled=False):  # sums over all edges need more digits
            out = self._normalize(near + largest, near, far, row, counts).to(self.norm.weight.dtype)
        out = F.leaky_relu(out, self.negative_slope)
        return torch.where(counts[:, None] > 0, out, torch.zeros_like(out)), edge_index

    def _project(self, x: Tensor, batch: Tensor | None) -> tuple[Tensor, Tensor]:
        """Returns the terms ``near_i`` and ``far_j`` of the value of an edge from j to i.

        Points are centered per cloud, which keeps the precision of clouds far from the origin; the contribution of the
        center is added to ``near``.
        """
        cloud = torch.zeros(x.size(0), dtype=torch.long, device=x.device) if batch is None else batch
        center = scatter(widen(x.detach()), cloud, dim=0, reduce="mean").to(x.dtype)
        inside = x - center[cloud]
        far = self.lin_source(inside)
        near = self.lin_target(inside) - far
        with torch.autocast(x.device.type, enabled=False):
            offset = self.lin_target(center.to(self.lin_target.weight.dtype))
            return widen(near) + offset[cloud], widen(far)

    def _normalize(self, x: Tensor, near: Tensor, far: Tensor, row: Tensor, counts: Tensor) -> Tensor:
        """Applies the batch norm over all edges without a tensor of edges."""
        norm = self.norm
        edges: Tensor | int = int(row.numel())
        shared = isinstance(norm, SyncBatchNorm1d)  # other ranks have edges, too
        if not self.training or (edges < 2 and not shared):
            x = x.to(norm.weight.dtype)
            return F.batch_norm(x, norm.running_mean, norm.running_var, norm.weight, norm.bias, False, 0.0, norm.eps)
        often = torch.bincount(row, minlength=far.size(0)).to(x.dtype)
        weight = counts.to(x.dtype)
        means = summed(norm, torch.cat([weight @ near, often @ far]))
        if shared:
            edges = summed(norm, weight.sum().detach().view(1)).clamp(min=2)
        near_mean, far_mean = (means / edges).chunk(2)
        mean = near_mean + far_mean
        near, far = near - near_mean, far - far_mean  # centered to keep the precision of the squares below
        around = torch.zeros_like(near).index_add_(0, torch.repeat_interleave(counts), far.index_select(0, row))
        squares = weight @ near.square() + often @ far.square() + 2 * (near * around).sum(0)
        variance = summed(norm, squares) / edges
        remember(norm, mean, variance, float(edges))
        return (x - mean) * (variance.clamp(min=0) + norm.eps).rsqrt() * norm.weight + norm.bias

    def __repr__(self) -> str:
        return f"DynamicEdgeConv({self.lin_target.in_features}, {self.lin_target.out_features}, k={self.k})"
