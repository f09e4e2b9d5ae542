"""The local structure of a graph in the eyes of a network: what every node thinks of its neighbors."""

import torch
from torch import Tensor
from torch_geometric import EdgeIndex

from graphkit.ops import edge_similarity, segment_softmax
from graphkit.ops._edges import check_edge_values, check_edges


def local_structure(
    z: Tensor,
    edge_index: Tensor,
    kernel: str = "rbf",
    *,
    sigma: float = 1.0,
    c: float = 0.0,
    degree: int = 2,
    scale: float = 100.0,
    negate: bool = False,
) -> Tensor:
    r"""Returns the distribution of every node over its in-edges: the softmax of their similarities.

    .. math::
        \mathrm{LS}_{ij} = \frac{\exp k(\mathbf{z}_i, \mathbf{z}_j)}
        {\sum_{j' \to i} \exp k(\mathbf{z}_i, \mathbf{z}_{j'})}

    Args:
        z: Features of the nodes.
        edge_index: Edges :math:`j \to i`, row 0 = source and row 1 = target, in any order.
        kernel: ``"rbf"``, ``"linear"``, ``"poly"``, ``"euclidean"`` or ``"l1exp"``, see
            :func:`~graphkit.ops.edge_similarity`; the options that follow are those of the kernel.
        sigma: The width of ``"rbf"``.
        c: The constant of ``"poly"``.
        degree: The power of ``"poly"``.
        scale: The length of ``"l1exp"``.
        negate: Changes the sign of the kernel.

    Shapes:
        - **input:** ``z`` ``[N, D]``, ``edge_index`` ``[2, E]``.
        - **output:** ``[E]``, in the order of the edges; those into one node add up to 1.

    Raises:
        ValueError: If shapes, types or devices do not fit, an edge names a node that does not exist, or an option has
            no such value.

    Reference:
        Yang et al., *Distilling Knowledge from Graph Convolutional Networks*, CVPR 2020, equation 1.

    Differences:
        None in the softmax; for the kernels see :func:`~graphkit.ops.edge_similarity`. ``"rbf"`` and ``"l1exp"`` have
        scores between 0 and 1, so that no neighbor can get more than e times as much as another.
    """
    options = {"sigma": sigma, "c": c, "degree": degree, "scale": scale, "negate": negate}
    scores = edge_similarity(z, edge_index, kernel, **options)  # type: ignore[arg-type]
    plain = plain_edges(edge_index)
    target, order = torch.sort(plain[1].long(), stable=True)
    weights = segment_softmax(scores.index_select(0, order), pointers(target, z.size(0)))
    return torch.zeros_like(weights).index_copy(0, order, weights)


def plain_edges(edge_index: Tensor) -> Tensor:
    """Returns the edges as a plain tensor, whatever they came as."""
    return edge_index.as_tensor() if isinstance(edge_index, EdgeIndex) else edge_index


def pointers(target: Tensor, num_nodes: int) -> Tensor:
    """Returns where the edges into each node begin ``[N + 1]``, for targets in order."""
    return torch.nn.functional.pad(torch.bincount(target, minlength=num_nodes).cumsum(0), (1, 0))


def sort_by_target(edge_index: Tensor, num_nodes: int) -> tuple[Tensor, Tensor, Tensor]:
    """Returns sources and targets of the edges in the order of their targets, and where each node's edges begin.

    Raises:
        ValueError: If they are no edges, or name a node that does not exist.
    """
    check_edges(edge_index, edge_index.device)
    check_edge_values(edge_index, num_nodes)
    source, target = plain_edges(edge_index).long().unbind()
    if bool((target[1:] < target[:-1]).any()):
        target, order = torch.sort(target, stable=True)
        source = source.index_select(0, order)
    return source.contiguous(), target.contiguous(), pointers(target, num_nodes)
