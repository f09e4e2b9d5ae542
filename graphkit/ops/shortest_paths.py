"""Shortest paths with a bounded number of hops, for path attention."""

import math
import os
import sys
from collections.abc import Iterator

import numpy as np
import scipy
import torch
from torch import Tensor
from torch_geometric import EdgeIndex

from graphkit.errors import InputError
from graphkit.ops._arguments import (
    FLOAT_TYPES,
    INDEX_TYPES,
    check_flags,
    check_number,
    check_tensors,
    describe,
    is_whole,
)
from graphkit.ops._calls import call_interruptibly, register_fake
from graphkit.ops._edges import check_edges
from graphkit.ops._native import offer

_NATIVE = offer("shortest_paths", cpu_only=True)


def shortest_paths(
    edge_index: Tensor,
    cost: Tensor | None = None,
    max_hops: int = 2,
    *,
    num_nodes: int | None = None,
    sources: Tensor | None = None,
    ratio: float | None = None,
    degree: str = "graph",
    rounding: str = "round",
    self_paths: bool = False,
) -> tuple[list[Tensor], list[Tensor]]:
    r"""Returns the shortest paths of at most :math:`H` hops that end at every node.

    A path of :math:`h` hops is a column :math:`(v_h, \ldots, v_1, i)` with an edge from each node to the next. The last
    node :math:`i` is the attending node; the edge :math:`j \to i` has the cost :math:`c_{ij}`.

    Between two nodes, only the path of least cost among all paths of any length is considered. Ties are broken by the
    fewest hops, then by the smallest node id at each step, from the attending node on. The path is returned if it has
    at most :math:`H` hops. Thus a neighbor with a cheaper two-hop path is listed under two hops, and a node whose
    shortest path has more than :math:`H` hops is not listed, even if a path of fewer hops exists.

    With a ``ratio`` :math:`r`, each node keeps all paths of one hop, and of every other length the
    :math:`k = \max(1, \mathrm{round}(r \, d_i))` shortest ones, with ties broken by the id of the far end, where
    :math:`d_i` is the number of distinct neighbors without the node itself.

    Args:
        edge_index (Tensor): Edges, row 0 = source and row 1 = target, in any order. Self loops are ignored; of parallel
            edges the cheapest is used.
        cost (Tensor, optional): Cost of each edge, finite and not negative; 1 if ``None``. (default: ``None``)
        max_hops (int, optional): Largest number of hops :math:`H`. (default: ``2``)
        num_nodes (int, optional): Number of nodes; if ``None``, the sparse size of a
            :class:`torch_geometric.EdgeIndex`, or one more than the largest id. (default: ``None``)
        sources (Tensor, optional): Attending nodes whose paths are computed, in any order; all nodes if ``None``.
            (default: ``None``)
        ratio (float, optional): Number of paths per node and length above one hop, relative to its degree; all paths if
            ``None``. (default: ``None``)
        degree (str, optional): ``"graph"`` for :math:`d_i` as above, ``"tree"`` for the number of one-hop paths of node
            :math:`i`. (default: ``"graph"``)
        rounding (str, optional): ``"round"`` as above (half to even), or ``"floor"`` for
            :math:`k = \lfloor r \, d_i \rfloor`, which may be 0. (default: ``"round"``)
        self_paths (bool, optional): If ``True``, adds the path :math:`(i, \ldots, i)` of cost 0 for every node and
            length. (default: ``False``)

    Shapes:
        - **input:** ``edge_index`` ``[2, E]``, ``cost`` ``[E]``, ``sources`` ``[S]``.
        - **output:** two lists with one item for each number of hops :math:`h = 1, \ldots, H`: the ``path_index``
          ``[h + 1, P_h]``, far ends in the first row and attending nodes in the last one, and the path costs ``[P_h]``.
          Paths are sorted by the last row, then by cost, then by far end; a self path is the last one of its node.

    Raises:
        InputError: If shapes, types or devices do not match, a node id is invalid, a cost is negative, infinite or NaN,
            or an option is invalid.

    Example:
        >>> paths, costs = shortest_paths(torch.tensor([[0, 1], [1, 2]]))
        >>> [path_index.tolist() for path_index in paths]
        [[[0, 1], [1, 2]], [[0], [1], [2]]]

    Notes:
        Costs are accumulated in float64 from node :math:`i` outwards and compared exactly. Paths are computed on the
        CPU for any device of the edges; costs get no gradient. The native code ends the search of a node as soon as no
        cheaper path can change the result, and is deterministic for any number of threads. The reference computes the
        distances between all nodes, in blocks of rows.

    Reference:
        Yang et al., *SPAGAN: Shortest Path Graph Attention Network*, IJCAI 2019.

    Differences:
        The paper samples :math:`k = r \, d_i` paths and does not specify rounding and ties. The released code uses the
        degree in the shortest path tree and rounds down (``degree="tree", rounding="floor"``), which leaves nodes of
        degree 1 without longer paths at :math:`r = 0.5`; ties depend on its graph library.
    """
    num_nodes = _check(edge_index, cost, max_hops, num_nodes, sources)
    _check_choice(ratio, degree, rounding)
    check_flags(self_paths=self_paths)
    _check_memory(num_nodes, num_nodes if sources is None else sources.numel(), max_hops if self_paths else 0)
    edges = edge_index.as_tensor() if isinstance(edge_index, EdgeIndex) else edge_index
    edges = edges.detach().long().cpu()
    costs = None if cost is None else cost.detach().double().cpu()
    # Sorted and unique, so that the paths are sorted by their last row.
    nodes = torch.arange(num_nodes) if sources is None else sources.detach().long().cpu().unique()
    choice = (num_nodes, max_hops, ratio or 0.0, degree == "tree", rounding == "floor", self_paths)
    if _NATIVE:
        paths, sums = call_interruptibly(torch.ops.graphkit.shortest_paths, edges, costs, nodes, *choice)
    else:
        paths, sums = shortest_paths_reference(edges, costs, nodes, *choice)
    dtype = torch.get_default_dtype() if cost is None else cost.dtype
    return [path.to(edge_index.device) for path in paths], [s.to(edge_index.device, dtype) for s in sums]


def shortest_paths_reference(
    edge_index: Tensor,
    cost: Tensor | None,
    sources: Tensor,
    num_nodes: int,
    max_hops: int,
    ratio: float,
    tree_degree: bool,
    floor: bool,
    self_paths: bool,
) -> tuple[list[Tensor], list[Tensor]]:
    """Computes the paths with SciPy and NumPy; a ``ratio`` of 0 keeps all paths."""
    graph = _without_loops(edge_index, cost, num_nodes)
    rows = 1 + 2**20 // (num_nodes + graph.nnz + 1)  # 8 MB of distances, and less than a second, at a time
    parts: list[list[tuple[np.ndarray, np.ndarray]]] = [[] for _ in range(max_hops)]
    for chunk in sources.split(rows):
        starts = chunk.numpy()
        degree = np.diff(graph.indptr)[starts]
        for results, (paths, owner, cost_of) in zip(parts, _tree(graph, starts, max_hops), strict=True):
            count = np.bincount(owner, minlength=starts.size)
            if paths.shape[0] == 2:
                degree = count if tree_degree else degree
            elif ratio > 0:
                wish = ratio * degree
                kept = np.floor(wish) if floor else np.maximum(1, np.rint(wish))
                rank = np.arange(owner.size) - (count.cumsum() - count)[owner]
                paths, owner, cost_of = (t[..., rank < kept[owner]] for t in (paths, owner, cost_of))
            if self_paths:
                order = np.argsort(np.concatenate([owner, np.arange(starts.size)]), kind="stable")
                paths = np.concatenate([paths, np.tile(starts, (paths.shape[0], 1))], axis=1)[:, order]
                cost_of = np.concatenate([cost_of, np.zeros(starts.size)])[order]
            results.append((paths, cost_of))
    path_index = [torch.from_numpy(np.concatenate([paths for paths, _ in results], axis=1)) for results in parts]
    return path_index, [torch.from_numpy(np.concatenate([cost_of for _, cost_of in results])) for results in parts]


def _without_loops(edge_index: Tensor, cost: Tensor | None, num_nodes: int) -> "scipy.sparse.csr_array":
    """Returns the adjacency matrix with merged parallel edges, without loops."""
    source, target = edge_index.numpy()
    value = np.ones(source.size) if cost is None else cost.numpy()
    pair = target * num_nodes + source
    order = np.argsort(value, kind="stable")
    order = order[np.argsort(pair[order], kind="stable")]
    order = order[source[order] != target[order]]
    again = np.zeros(order.size, dtype=bool)
    again[1:] = np.diff(pair[order]) == 0
    order = order[~again]
    indices = target[order].astype(np.int32), source[order].astype(np.int32)  # SciPy 1.11 needs 32-bit indices
    return scipy.sparse.csr_array((value[order], indices), shape=(num_nodes, num_nodes))


def _tree(
    graph: "scipy.sparse.csr_array", starts: np.ndarray, max_hops: int
) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Yields the paths, start indices and costs of each number of hops.

    The search follows tight edges from the starts: distance(u) + cost = distance(v).
    """
    size = (starts.size, graph.shape[0])
    distance = scipy.sparse.csgraph.dijkstra(graph, indices=starts) if starts.size > 0 else np.empty(size)
    owner, paths = np.arange(starts.size), starts[None]
    listed = np.zeros(size, dtype=bool)
    listed[owner, starts] = True
    for _ in range(max_hops):
        count = np.diff(graph.indptr)[paths[0]]
        path = np.repeat(np.arange(owner.size), count)
        edge = np.arange(path.size) + np.repeat(graph.indptr[paths[0]] - (count.cumsum() - count), count)
        far_end, start = graph.indices[edge].astype(np.int64), owner[path]
        with np.errstate(over="ignore"):  # an infinite sum is no route
            total = distance[start, paths[0, path]] + graph.data[edge]
        tight = (total == distance[start, far_end]) & ~listed[start, far_end] & np.isfinite(total)
        path, far_end, start, total = path[tight], far_end[tight], start[tight], total[tight]
        order = np.lexsort((paths[0, path], far_end, total, start))
        path, far_end, start, total = path[order], far_end[order], start[order], total[order]
        new = np.ones(path.size, dtype=bool)  # the first of several paths to the same node
        new[1:] = (np.diff(start) != 0) | (np.diff(far_end) != 0)
        owner, paths = start[new], np.concatenate([far_end[None, new], paths[:, path[new]]])
        listed[owner, paths[0]] = True
        yield paths, owner, total[new]


def _check(
    edge_index: Tensor, cost: Tensor | None, max_hops: int, num_nodes: int | None, sources: Tensor | None
) -> int:
    """Validates the arguments and returns the number of nodes."""
    check_tensors(edge_index=edge_index)
    check_edges(edge_index, edge_index.device)
    for name, tensor in (("edge_index", edge_index), ("cost", cost), ("sources", sources)):
        if tensor is not None:
            check_tensors(**{name: tensor})
            if tensor.is_meta:
                raise InputError(f"`{name}` must hold values (got a tensor on the device meta)")
    low, high = (int(edge_index.min()), int(edge_index.max())) if edge_index.numel() > 0 else (0, -1)
    if num_nodes is None and isinstance(edge_index, EdgeIndex):
        num_nodes = max((size for size in edge_index.sparse_size() if size is not None), default=None)
    if num_nodes is None:
        num_nodes = high + 1
    if not is_whole(num_nodes, 0, 2**31 - 1):
        raise InputError(f"`num_nodes` must be a whole number from 0 to 2147483647 (got {num_nodes!r})")
    if low < 0 or high >= num_nodes:
        raise InputError(f"`edge_index` must hold node ids from 0 to {num_nodes - 1} (got ids from {low} to {high})")
    if not is_whole(max_hops, 1, 2**16 - 1):
        raise InputError(f"`max_hops` must be a whole number from 1 to 65535 (got {max_hops!r})")
    if cost is not None:
        if cost.shape != edge_index.shape[1:] or cost.dtype not in FLOAT_TYPES:
            raise InputError(
                f"`cost` must be a float tensor [E] with E = {edge_index.size(1)} as in `edge_index` "
                f"(got {describe(cost)})"
            )
        wrong = (~(cost >= 0) | cost.isinf()).nonzero()
        if wrong.numel() > 0:
            at = int(wrong[0])
            raise InputError(f"`cost` must be finite and not negative (got {float(cost[at])} for edge {at})")
    if sources is not None:
        if sources.dim() != 1 or sources.dtype not in INDEX_TYPES:
            raise InputError(f"`sources` must be an integer tensor [S] of node ids (got {describe(sources)})")
        if sources.numel() > 0 and (int(sources.min()) < 0 or int(sources.max()) >= num_nodes):
            raise InputError(
                f"`sources` must hold node ids from 0 to {num_nodes - 1} "
                f"(got ids from {int(sources.min())} to {int(sources.max())})"
            )
    return num_nodes


def _check_choice(ratio: float | None, degree: str, rounding: str) -> None:
    if ratio is not None:
        check_number("ratio", ratio, above=0)
    if degree not in ("graph", "tree"):
        raise InputError(f"`degree` must be 'graph' or 'tree' (got {degree!r})")
    if rounding not in ("round", "floor"):
        raise InputError(f"`rounding` must be 'round' or 'floor' (got {rounding!r})")


def _physical_memory() -> float:
    """Returns the physical memory in bytes; infinity if unknown, as on Windows."""
    if sys.platform == "win32":
        return math.inf
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def _check_memory(num_nodes: int, num_sources: int, self_hops: int) -> None:
    """Raises an InputError if node data and self paths exceed the physical memory."""
    paths = num_sources * (self_hops + 1) * (self_hops + 2) // 2
    needed = 64 * num_nodes + 12 * paths  # bytes
    if needed > 2**30 and needed > _physical_memory():
        raise InputError(
            f"`num_nodes` and the paths from {num_sources} sources to themselves must fit in memory (got {num_nodes} "
            f"nodes and {self_hops} hops, {needed / 1e9:.0f} GB); number the nodes from 0 without gaps"
        )


if _NATIVE:

    @register_fake("shortest_paths")
    def _fake(
        edge_index: Tensor,
        cost: Tensor | None,
        sources: Tensor,
        num_nodes: int,
        max_hops: int,
        ratio: float,
        tree_degree: bool,
        floor: bool,
        self_paths: bool,
    ) -> tuple[list[Tensor], list[Tensor]]:
        """Returns fake outputs of dynamic size: the number of paths depends on the costs."""
        sizes = [torch.library.get_ctx().new_dynamic_size() for _ in range(max_hops)]
        paths = [edge_index.new_empty(hops + 2, size) for hops, size in enumerate(sizes)]
        return paths, [edge_index.new_empty(size, dtype=torch.float64) for size in sizes]
