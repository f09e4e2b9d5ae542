"""The neighborhood of each joint in three parts, by their distance to the center of the body."""

from collections.abc import Sequence

import torch
from torch import Tensor

from graphkit.nn.skeleton_supports import bone_matrices


def spatial_partition(edges: Sequence[tuple[int, int]], num_joints: int, center: int) -> Tensor:
    """Divides the matrix of joints at most one bone apart into three: by itself, towards the center, away from it.

    Each column of the matrix, with ones on its diagonal, is divided by its sum before.

    Args:
        edges: Bones as ``(child, parent)``.
        num_joints: Number of joints V.
        center: The joint whose distance counts.

    Returns:
        ``[3, V, V]`` in the default float type: what a joint receives from joints as far from the center as itself,
        from nearer ones, and from farther ones; column = receiving joint.

    Reference:
        Yan, Xiong and Lin, *Spatial Temporal Graph Convolutional Networks for Skeleton-Based Action Recognition*,
        AAAI 2018 (spatial configuration partitioning).
    """
    inward, outward = bone_matrices(edges, num_joints)
    near = ((inward + outward) != 0).double() + torch.eye(num_joints, dtype=torch.float64)
    distance = torch.full((num_joints,), float(num_joints))  # joints that no bone leads to are far away
    distance[center] = 0.0
    for _ in range(num_joints):
        distance = torch.minimum(distance, torch.where(near > 0, distance.unsqueeze(1) + 1.0, torch.inf).amin(dim=0))
    share = near / near.sum(dim=0)
    sender, receiver = distance.unsqueeze(1), distance.unsqueeze(0)
    parts = [share * (sender == receiver), share * (sender < receiver), share * (sender > receiver)]
    return torch.stack(parts).to(torch.get_default_dtype())
