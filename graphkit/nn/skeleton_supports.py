"""The fixed matrices that say which joints of a skeleton a spatial path brings together."""

from collections.abc import Sequence

import torch
from torch import Tensor

from graphkit.errors import InputError

POLYNOMIALS = ("matrix", "elementwise")


def bone_matrices(edges: Sequence[tuple[int, int]], num_joints: int) -> tuple[Tensor, Tensor]:
    r"""Returns the matrices along the bones, inwards and outwards, each with columns that sum to one or are zero.

    A product :math:`\mathbf{X} \mathbf{A}` sends joint :math:`u` to joint :math:`v` with the weight
    :math:`\mathbf{A}_{uv}`. Inwards, a parent sends to its children: :math:`\mathbf{In}_{pc} = 1`; outwards, a child
    sends to its parent: :math:`\mathbf{Out}_{cp} = 1`.

    Args:
        edges: Bones as ``(child, parent)``.
        num_joints: Number of joints V.

    Returns:
        The two matrices ``[V, V]``, float64.
    """
    inward, outward = torch.zeros(2, num_joints, num_joints, dtype=torch.float64)
    for child, parent in edges:
        inward[parent, child] = 1.0
        outward[child, parent] = 1.0
    return inward / inward.sum(dim=0).clamp(min=1.0), outward / outward.sum(dim=0).clamp(min=1.0)


def skeleton_supports(edges: Sequence[tuple[int, int]], num_joints: int, polynomial: str = "matrix") -> Tensor:
    r"""Returns the four supports of a spatial path: a joint itself, its bone, and two polynomials of the skeleton.

    .. math::
        \mathbf{S}_1 &= \mathbf{I}, \qquad \mathbf{S}_2 = \mathbf{I} - \mathbf{In}

        \mathbf{S}_3 &= 4 \bar{\mathbf{A}}^2 - \bar{\mathbf{A}} - 2 \mathbf{I}

        \mathbf{S}_4 &= \mathrm{softmax}_{columns} \left( \left( 8 \bar{\mathbf{A}}^4 - 4 \bar{\mathbf{A}}^2 -
        4 \bar{\mathbf{A}} + \mathbf{I} \right) / V \right)

    with :math:`\bar{\mathbf{A}} = \mathbf{In} + \mathbf{Out}`, see :func:`bone_matrices`.

    Args:
        edges: Bones as ``(child, parent)``.
        num_joints: Number of joints V.
        polynomial: ``"matrix"`` for powers of the matrix, which receptive_field two and four bones far;
            ``"elementwise"`` for powers of its entries, with which the released weights were trained, and which
            receptive_field one bone only.

    Returns:
        The supports ``[4, V, V]`` in the default float type.

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
