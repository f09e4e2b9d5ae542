"""k-nearest-neighbor graph of point clouds, computed in blocks."""

import torch
from torch import Tensor
from torch_geometric import EdgeIndex

from graphkit.errors import InputError
from graphkit.ops._segments import widen

_BLOCK = 2**22  # distances of a block: 16 MB in float32
#: Squared distance to the farthest neighbor, relative to that to the center of the cloud, below which float32
#: cancellation leaves fewer than three digits.
_LEAST = 1e-4


def knn_graph(x: Tensor, k: int, batch: Tensor | None = None, loop: bool = False) -> EdgeIndex:
    r"""Returns the k-nearest-neighbor graph of each point cloud.

    .. math::
        j \to i \iff j \text{ is among the } k \text{ points of least } \lVert \mathbf{x}_i - \mathbf{x}_j \rVert_2

    Args:
        x (Tensor): Points, or features of any width.
        k (int): Number of neighbors; a cloud with fewer points is connected completely.
        batch (Tensor, optional): Cloud of each point, in ascending order; a single cloud if ``None``.
            (default: ``None``)
        loop (bool, optional): If ``True``, a point is a neighbor of itself. (default: ``False``)

    Shapes:
        - **input:** ``x`` ``[N, D]``, ``batch`` ``[N]``.
        - **output:** :class:`torch_geometric.EdgeIndex` ``[2, E]`` with row 0 = neighbor and row 1 = point, sorted by
          point and then by distance.

    Raises:
        InputError: If shapes do not match, ``batch`` is not in ascending order, ``k`` is below 1, or ``x`` has values
            that are not finite.

    Example:
        >>> knn_graph(torch.tensor([[0.0], [1.0], [3.0]]), k=1).tolist()
        [[1, 0, 1], [0, 1, 2]]

    Notes:
        Distances are computed in blocks of points, in :math:`O(N n D)` operations for clouds of :math:`n` points and
        :math:`O(N k)` memory. Clouds of equal size are computed together. Points are centered per cloud, which keeps
        the precision of clouds far from the origin. The order of points at equal distances is undefined. No gradients
        are propagated.
    """
    if x.dim() != 2 or not x.is_floating_point():
        raise InputError(f"`x` must be a float tensor [N, D] (got {x.dtype} of shape {list(x.shape)})")
    if isinstance(k, bool) or not isinstance(k, int) or k < 1:
        raise InputError(f"`k` must be a whole number of at least 1 (got {k!r})")
    x = widen(x.detach())
    if not bool(x.isfinite().all()):
        raise InputError("`x` must be finite: there is no distance to nan or infinity")
    sizes = _sizes(x, batch)
    starts = sizes.cumsum(0) - sizes
    parts: list[Tensor] = []
    with torch.autocast(x.device.type, enabled=False):  # distances of short numbers would be ties
        if sizes.unique().numel() == 1 and sizes.numel():
            parts = [_nearest(x.view(sizes.numel(), -1, x.size(1)), starts, k, loop)]
        else:
            for start, size in zip(starts.tolist(), sizes.tolist(), strict=True):
                parts.append(_nearest(x[None, start : start + size], starts.new_tensor([start]), k, loop))
    edges = torch.cat(parts, dim=1) if parts else torch.empty(2, 0, dtype=torch.long, device=x.device)
    return EdgeIndex(edges.contiguous(), sparse_size=(x.size(0), x.size(0)), sort_order="col")


def _sizes(x: Tensor, batch: Tensor | None) -> Tensor:
    """Returns the number of points of each non-empty cloud."""
    if batch is None:
        return torch.tensor([x.size(0)] if x.size(0) else [], dtype=torch.long, device=x.device)
    if batch.shape != x.shape[:1] or batch.is_floating_point():
        raise InputError(
            f"`batch` must hold the cloud of each of the {x.size(0)} points "
            f"(got {batch.dtype} of shape {list(batch.shape)})"
        )
    if bool((batch.diff() < 0).any()):
        raise InputError("`batch` must be in rising order: the points of a cloud lie together")
    return batch.unique_consecutive(return_counts=True)[1]


def _nearest(clouds: Tensor, starts: Tensor, k: int, loop: bool) -> Tensor:
    """Returns the edges of clouds ``[B, n, D]`` of equal size.

    ``starts`` ``[B]`` holds the first id of each cloud.
    """
    count, size, _ = clouds.shape
    k = min(k, size if loop else size - 1)
    if k == 0:
        return torch.empty(2, 0, dtype=torch.long, device=clouds.device)
    points = clouds - clouds.mean(dim=1, keepdim=True)
    short = points.dtype != torch.float64
    square = points.square().sum(dim=-1)
    neighbors = torch.empty(count, size, k, dtype=torch.long, device=clouds.device)
    rows = max(1, _BLOCK // size)  # points of a block, of one cloud or of several
    ids = torch.arange(size, device=clouds.device)
    for first in range(0, count, max(1, rows // size)):
        some = slice(first, first + max(1, rows // size))
        for begin in range(0, size, min(rows, size)):
            block = slice(begin, begin + min(rows, size))
            inside, blank = points[some], None if loop else (ids[block] - begin, ids[block])
            distance, index = _closest(inside, square[some], block, k, blank)
            # Decided per cloud, so that the order of points at equal distances does not depend on the batch.
            close = (distance < _LEAST * square[some, block]).any(dim=1)
            if short and bool(close.any()):
                wide = inside[close].double()
                index[close] = _closest(wide, wide.square().sum(dim=-1), block, k, blank)[1]
            neighbors[some, block] = index
    target = starts[:, None, None] + ids[:, None].expand(size, k)
    return torch.stack([neighbors + starts[:, None, None], target]).view(2, -1)


def _closest(
    points: Tensor, square: Tensor, block: slice, k: int, blank: tuple[Tensor, Tensor] | None
) -> tuple[Tensor, Tensor]:
    """Returns the k nearest points and the squared distance to the farthest of them.

    Shapes: distance ``[B, n']``, points ``[B, n', k]``.

    Args:
        points: ``[B, n, D]``.
        square: Squared norms ``[B, n]``.
        block: Points whose neighbors are computed.
        k: Number of neighbors.
        blank: Rows and columns of the pairs to exclude.
    """
    # |x_i - x_j|^2 without |x_i|^2, which does not change the order.
    distance = torch.baddbmm(square[:, None], points[:, block], points.mT, alpha=-2)
    if blank is not None:
        distance[:, blank[0], blank[1]] = float("inf")
    nearest = distance.topk(k, dim=-1, largest=False)
    return nearest.values[..., -1] + square[:, block], nearest.indices
