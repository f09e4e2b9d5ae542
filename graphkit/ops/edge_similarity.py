"""Edge similarity kernels of node features."""

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
    r"""Returns a kernel of the features of the two ends of every edge.

    .. math::
        \begin{array}{ll}
        \text{rbf} & \exp \left( -\lVert \mathbf{z}_i - \mathbf{z}_j \rVert_2^2 \, / \, 2 \sigma^2 \right) \\
        \text{linear} & \mathbf{z}_i \cdot \mathbf{z}_j \\
        \text{poly} & (\mathbf{z}_i \cdot \mathbf{z}_j + c)^d \\
        \text{euclidean} & \lVert \mathbf{z}_i - \mathbf{z}_j \rVert_2^2 \\
        \text{l1exp} & \exp \left( -\lVert \mathbf{z}_i - \mathbf{z}_j \rVert_1 \, / \, s \right)
        \end{array}

    Args:
        z (Tensor): Node features.
        edge_index (Tensor): Edges :math:`j \to i`, row 0 = source and row 1 = target, in any order; fastest if sorted
            by target, such as a :class:`torch_geometric.EdgeIndex` sorted by column.
        kernel (str, optional): Name of the kernel. (default: ``"rbf"``)
        sigma (float, optional): Bandwidth :math:`\sigma` of ``"rbf"``. Similarities vanish where squared distances,
            which grow with the number of features, are much larger than :math:`\sigma^2`. (default: ``1.0``)
        c (float, optional): Constant of ``"poly"``. (default: ``0.0``)
        degree (int, optional): Degree :math:`d` of ``"poly"``. (default: ``2``)
        scale (float, optional): Length scale :math:`s` of ``"l1exp"``. (default: ``100.0``)
        negate (bool, optional): If ``True``, negates the kernel, such as to turn ``"euclidean"`` into a similarity.
            (default: ``False``)

    Shapes:
        - **input:** ``z`` ``[N, D]``, ``edge_index`` ``[2, E]``.
        - **output:** ``[E]``, in the order of the edges.

    Raises:
        InputError: If shapes, types or devices do not match, a node id is invalid, or an option is invalid.

    Example:
        >>> edge_similarity(torch.tensor([[0.0], [1.0]]), torch.tensor([[0], [1]]), "linear", negate=True).tolist()
        [-0.0]

    Notes:
        - No tensor ``[E, D]`` is materialized, except in second derivatives, which use the PyTorch reference.
        - The native code runs on the CPU and is deterministic for any number of threads. float16 and bfloat16 are
          computed in float32.

    Reference:
        Yang et al., *Distilling Knowledge from Graph Convolutional Networks*, CVPR 2020.

    Differences:
        The paper defines the first four kernels without constants. ``"euclidean"`` is positive, as in other
        implementations. ``"l1exp"`` with a scale of 100 is the kernel of the released code.
    """
    check_features("z", z)
    check_edges(edge_index, z.device)
    check_kernel(kernel, sigma, c, degree, scale)
    check_flags(negate=negate)
    if isinstance(edge_index, EdgeIndex):  # indexing the subclass is slow for small graphs
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
    """Returns the scores ``[E]`` in float32 at least; validates node ids only."""
    scores = edge_measure(widen(z), source, target, _MEASURES[kernel])
    if kernel == "rbf":
        scores = torch.exp(scores * (-0.5 / sigma**2))
    elif kernel == "poly":
        scores = (scores + c) ** degree
    elif kernel == "l1exp":
        scores = torch.exp(scores * (-1.0 / scale))
    return -scores if negate else scores


def check_features(name: str, z: Tensor) -> None:
    """Raises an InputError unless ``z`` is a float tensor ``[N, D]``."""
    check_tensors(**{name: z})
    if z.dim() != 2 or z.dtype not in FLOAT_TYPES:
        raise InputError(f"`{name}` must be a float tensor [N, D] (got {describe(z)})")


def check_kernel(kernel: str, sigma: float, c: float, degree: int, scale: float) -> None:
    """Raises an InputError if the kernel or one of its options is invalid."""
    if not isinstance(kernel, str) or kernel not in _MEASURES:
        raise InputError(f"`kernel` must be one of {', '.join(map(repr, _MEASURES))} (got {kernel!r})")
    check_number("sigma", sigma, above=0)
    check_number("scale", scale, above=0)
    check_number("c", c)
    if not is_whole(degree, 1, 2**31 - 1):
        raise InputError(f"`degree` must be a whole number of at least 1 (got {degree!r})")
