"""Local structure of node features: distribution of every node over its neighbors."""

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
    r"""Returns the softmax of similarities over the in-edges of every node.

    .. math::
        \mathrm{LS}_{ij} = \frac{\exp k(\mathbf{z}_i, \mathbf{z}_j)}
        {\sum_{j' \to i} \exp k(\mathbf{z}_i, \mathbf{z}_{j'})}

    Args:
        z (Tensor): Node features.
        edge_index (Tensor): Edges :math:`j \to i`, row 0 = source and row 1 = target, in any order.
        kernel (str, optional): ``"rbf"``, ``"linear"``, ``"poly"``, ``"euclidean"`` or ``"l1exp"``, see
            :func:`~graphkit.ops.edge_similarity`. (default: ``"rbf"``)
        sigma (float, optional): Bandwidth of ``"rbf"``. (default: ``1.0``)
        c (float, optional): Constant of ``"poly"``. (default: ``0.0``)
        degree (int, optional): Degree of ``"poly"``. (default: ``2``)
        scale (float, optional): Length scale of ``"l1exp"``. (default: ``100.0``)
        negate (bool, optional): If ``True``, negates the kernel. (default: ``False``)

    Shapes:
        - **input:** ``z`` ``[N, D]``, ``edge_index`` ``[2, E]``.
        - **output:** ``[E]``, in the order of the edges; the sum over the in-edges of a node is 1.

    Raises:
        InputError: If shapes, types or devices do not match, a node id is out of range, or an option has an invalid
            value.

    Reference:
        Yang et al., *Distilling Knowledge from Graph Convolutional Networks*, CVPR 2020, equation 1.

    Differences:
        None in the softmax; for the kernels see :func:`~graphkit.ops.edge_similarity`. ``"rbf"`` and ``"l1exp"`` have
        scores between 0 and 1, so that the weights of two neighbors differ at most by a factor of :math:`e`.

    Example:
        >>> edge_index = torch.tensor([[0, 2], [1, 1]])
        >>> local_structure(torch.tensor([[0.0], [0.0], [5.0]]), edge_index)
        tensor([0.7311, 0.2689])
    """
    options = {"sigma": sigma, "c": c, "degree": degree, "scale": scale, "negate": negate}
    scores = edge_similarity(z, edge_index, kernel, **options)  # type: ignore[arg-type]
    plain = plain_edges(edge_index)
    target, order = torch.sort(plain[1].long(), stable=True)
    weights = segment_softmax(scores.index_select(0, order), pointers(target, z.size(0)))
    return torch.zeros_like(weights).index_copy(0, order, weights)


def plain_edges(edge_index: Tensor) -> Tensor:
    """Returns the edges as a plain tensor."""
    return edge_index.as_tensor() if isinstance(edge_index, EdgeIndex) else edge_index


def pointers(target: Tensor, num_nodes: int) -> Tensor:
    """Returns the row pointer ``[N + 1]`` of sorted targets."""
    return torch.nn.functional.pad(torch.bincount(target, minlength=num_nodes).cumsum(0), (1, 0))


def sort_by_target(edge_index: Tensor, num_nodes: int) -> tuple[Tensor, Tensor, Tensor]:
    """Returns sources, targets and row pointer of the edges, sorted by target.

    Raises:
        InputError: If the edges are invalid, or a node id is out of range.
    """
    check_edges(edge_index, edge_index.device)
    check_edge_values(edge_index, num_nodes)
    source, target = plain_edges(edge_index).long().unbind()
    if bool((target[1:] < target[:-1]).any()):
        target, order = torch.sort(target, stable=True)
        source = source.index_select(0, order)
    return source.contiguous(), target.contiguous(), pointers(target, num_nodes)
