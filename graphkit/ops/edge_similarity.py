"""How alike the two ends of every edge look: the kernels that local structure is defined by."""

import torch
from torch import Tensor
from torch_geometric import EdgeIndex

from graphkit.errors import InputError
from graphkit.ops._arguments import FLOAT_TYPES, check_flags, check_number, check_tensors, describe, is_whole
from graphkit.ops._edge_measure import ABSOLUTE, DOT, SQUARE, edge_measure
from graphkit.ops._edges import check_edges
from graphkit.ops._native import offer
from graphkit.ops._segments import widen

offer("edge_similarity")
_MEASURES = {"rbf": SQUARE, "linear": DOT, "poly": DOT, "euclidean": SQUARE, "l1exp": ABSOLUTE}


def edge_similarity(
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
    r"""Compares the features of the two ends of every edge.

    .. math::
        \begin{array}{ll}
        \text{rbf} & \exp \left( -\lVert \mathbf{z}_i - \mathbf{z}_j \rVert_2^2 \, / \, 2 \sigma^2 \right) \\
        \text{linear} & \mathbf{z}_i \cdot \mathbf{z}_j \\
        \text{poly} & (\mathbf{z}_i \cdot \mathbf{z}_j + c)^d \\
        \text{euclidean} & \lVert \mathbf{z}_i - \mathbf{z}_j \rVert_2^2 \\
        \text{l1exp} & \exp \left( -\lVert \mathbf{z}_i - \mathbf{z}_j \rVert_1 \, / \, s \right)
        \end{array}

    Args:
        z: Features of the nodes.
        edge_index: Edges :math:`j \to i`, row 0 = source and row 1 = target, in any order; those sorted by target,
            such as a :class:`torch_geometric.EdgeIndex` sorted by column, are fastest.
        kernel: One of the five above.
        sigma: The width :math:`\sigma` of ``"rbf"``. Squared distances grow with the number of features: where they
            are much larger than :math:`\sigma^2`, all similarities are 0.
        c: The constant of ``"poly"``.
        degree: The power :math:`d` of ``"poly"``, a whole number.
        scale: The length :math:`s` of ``"l1exp"``.
        negate: Changes the sign, so that for ``"euclidean"`` near nodes score higher than far ones.

    Shapes:
        - **input:** ``z`` ``[N, D]``, ``edge_index`` ``[2, E]``.
        - **output:** ``[E]``, in the order of the edges.

    Raises:
        ValueError: If shapes, types or devices do not fit, an edge names a node that does not exist, or an option has
            no such value.

    Notes:
        - No tensor ``[E, D]`` is made, forward or backward: memory grows with ``z`` and with the number of edges. Only
          gradients of gradients go through the plain PyTorch form.
        - The native code serves the CPU and gives the same bits on every run and any number of threads. float16 and
          bfloat16 are computed in float32.

    Reference:
        Yang et al., *Distilling Knowledge from Graph Convolutional Networks*, CVPR 2020.

    Differences:
        The paper names the first four families without their constants. The sign of ``"euclidean"`` is the one in use
        elsewhere: far neighbors score higher. ``"l1exp"`` with a scale of 100 is what the released code computes.
    """
    check_features("z", z)
    check_edges(edge_index, z.device)
    check_kernel(kernel, sigma, c, degree, scale)
    check_flags(negate=negate)
    if isinstance(edge_index, EdgeIndex):  # its rows are a type of their own, which costs as much as a small graph
        edge_index = edge_index.as_tensor()
    scores = kernel_scores(z, edge_index[0], edge_index[1], kernel, sigma, c, degree, scale, negate)
    return scores.to(z.dtype)


def kernel_scores(
    z: Tensor,
    source: Tensor,
    target: Tensor,
    kernel: str,
    sigma: float,
    c: float,
    degree: int,
    scale: float,
    negate: bool,
) -> Tensor:
    """Returns ``[E]``, in float32 if the type of ``z`` is shorter. Checks only that the nodes of the edges exist."""
    scores = edge_measure(widen(z), source, target, _MEASURES[kernel])
    if kernel == "rbf":
        scores = torch.exp(scores * (-0.5 / sigma**2))
    elif kernel == "poly":
        scores = (scores + c) ** degree
    elif kernel == "l1exp":
        scores = torch.exp(scores * (-1.0 / scale))
    return -scores if negate else scores


def check_features(name: str, z: Tensor) -> None:
    """Raises a ValueError unless ``z`` is a float tensor ``[N, D]``."""
    check_tensors(**{name: z})
    if z.dim() != 2 or z.dtype not in FLOAT_TYPES:
        raise InputError(f"`{name}` must be a float tensor [N, D] (got {describe(z)})")


def check_kernel(kernel: str, sigma: float, c: float, degree: int, scale: float) -> None:
    """Raises a ValueError if there is no such kernel, or not with these options."""
    if not isinstance(kernel, str) or kernel not in _MEASURES:
        raise InputError(f"`kernel` must be one of {', '.join(map(repr, _MEASURES))} (got {kernel!r})")
    check_number("sigma", sigma, above=0)
    check_number("scale", scale, above=0)
    check_number("c", c)
    if not is_whole(degree, 1, 2**31 - 1):
        raise InputError(f"`degree` must be a whole number of at least 1 (got {degree!r})")
