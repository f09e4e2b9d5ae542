"""Spatial configuration partitioning of a skeleton graph."""

from collections.abc import Sequence

import torch
from torch import Tensor

from graphkit.nn.skeleton_supports import bone_matrices


def spatial_partition(edges: Sequence[tuple[int, int]], num_joints: int, center: int) -> Tensor:
    """Partitions the joint adjacency by distance to the center of the body.

    The adjacency, with self loops, is normalized by column first.

    Args:
        edges (Sequence[tuple[int, int]]): Bones as ``(child, parent)``.
        num_joints (int): Number of joints V.
        center (int): Joint that distances are measured from.

    Returns:
        Three matrices ``[3, V, V]`` in the default dtype, column = receiving joint: neighbors at the same distance from
        the center, nearer ones and farther ones.

    Example:
        >>> spatial_partition([(1, 0), (2, 1)], num_joints=3, center=0).sum(dim=(0, 1)).tolist()
        [1.0, 1.0, 1.0]

    Reference:
        Yan, Xiong and Lin, *Spatial Temporal Graph Convolutional Networks for Skeleton-Based Action Recognition*,
        AAAI 2018 (spatial configuration partitioning).
    """
    inward, outward = bone_matrices(edges, num_joints)
    near = ((inward + outward) != 0).double() + torch.eye(num_joints, dtype=torch.float64)
    distance = torch.full((num_joints,), float(num_joints))  # also of joints without a path to the center
    distance[center] = 0.0
    for _ in range(num_joints):
        distance = torch.minimum(distance, torch.where(near > 0, distance.unsqueeze(1) + 1.0, torch.inf).amin(dim=0))
    share = near / near.sum(dim=0)
    sender, receiver = distance.unsqueeze(1), distance.unsqueeze(0)
    parts = [share * (sender == receiver), share * (sender < receiver), share * (sender > receiver)]
    return torch.stack(parts).to(torch.get_default_dtype())
