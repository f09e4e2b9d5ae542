"""Fixed joint adjacency matrices (supports) of a skeleton graph."""

from collections.abc import Sequence

import torch
from torch import Tensor

from graphkit.errors import InputError

POLYNOMIALS = ("matrix", "elementwise")


def bone_matrices(edges: Sequence[tuple[int, int]], num_joints: int) -> tuple[Tensor, Tensor]:
    r"""Returns the inward and outward adjacency matrices of a skeleton.

    A product :math:`\mathbf{X} \mathbf{A}` passes joint :math:`u` to joint :math:`v` with the weight
    :math:`\mathbf{A}_{uv}`. The inward matrix passes parents to children, :math:`\mathbf{In}_{pc} = 1`, and the outward
    one children to parents, :math:`\mathbf{Out}_{cp} = 1`. Columns sum to one or are zero.

    Args:
        edges (Sequence[tuple[int, int]]): Bones as ``(child, parent)``.
        num_joints (int): Number of joints V.

    Returns:
        The two matrices ``[V, V]``, float64.
    """
    inward, outward = torch.zeros(2, num_joints, num_joints, dtype=torch.float64)
    for child, parent in edges:
        inward[parent, child] = 1.0
        outward[child, parent] = 1.0
    return inward / inward.sum(dim=0).clamp(min=1.0), outward / outward.sum(dim=0).clamp(min=1.0)


def skeleton_supports(edges: Sequence[tuple[int, int]], num_joints: int, polynomial: str = "matrix") -> Tensor:
    r"""Returns the four supports of a spatial graph convolution.

    .. math::
        \mathbf{S}_1 &= \mathbf{I}, \qquad \mathbf{S}_2 = \mathbf{I} - \mathbf{In}

        \mathbf{S}_3 &= 4 \bar{\mathbf{A}}^2 - \bar{\mathbf{A}} - 2 \mathbf{I}

        \mathbf{S}_4 &= \mathrm{softmax}_{columns} \left( \left( 8 \bar{\mathbf{A}}^4 - 4 \bar{\mathbf{A}}^2 -
        4 \bar{\mathbf{A}} + \mathbf{I} \right) / V \right)

    with :math:`\bar{\mathbf{A}} = \mathbf{In} + \mathbf{Out}`, see :func:`bone_matrices`.

    Args:
        edges (Sequence[tuple[int, int]]): Bones as ``(child, parent)``.
        num_joints (int): Number of joints V.
        polynomial (str, optional): ``"matrix"`` for matrix powers, which reach two and four bones; ``"elementwise"``
            for powers of the entries, which reach one bone and match the released weights. (default: ``"matrix"``)

    Returns:
        The supports ``[4, V, V]`` in the default dtype.

    Raises:
        InputError: If ``polynomial`` is neither of the two.

    Example:
        >>> skeleton_supports([(1, 0), (2, 0)], num_joints=3).shape
        torch.Size([4, 3, 3])

    Reference:
        Huang et al., *Spatio-Temporal Inception Graph Convolutional Networks for Skeleton-Based Action Recognition*,
        ACM Multimedia 2020.
    """
    if polynomial not in POLYNOMIALS:
        raise InputError(f"`polynomial` must be one of {', '.join(POLYNOMIALS)} (got {polynomial!r})")
    inward, outward = bone_matrices(edges, num_joints)
    eye = torch.eye(num_joints, dtype=torch.float64)
    bones = inward + outward
    if polynomial == "matrix":
        second, fourth = bones @ bones, torch.linalg.matrix_power(bones, 4)
    else:
        second, fourth = bones**2, bones**4
    far = torch.softmax((8 * fourth - 4 * second - 4 * bones + eye) / num_joints, dim=0)
    return torch.stack([eye, eye - inward, 4 * second - bones - 2 * eye, far]).to(torch.get_default_dtype())
