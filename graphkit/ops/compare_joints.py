"""The inner products of all pairs of joints, summed over the frames of a sequence."""

import torch
from torch import Tensor


def compare_joints(a: Tensor, b: Tensor, ptr: Tensor, every: int | None = None) -> Tensor:
    r"""Sums the inner products of every joint in ``a`` with every joint in ``b`` over the frames of each sequence.

    .. math::
        G_{n,k,u,v} = \sum_{f \in n} \langle \mathbf{a}_{f,u,k}, \mathbf{b}_{f,v,k} \rangle

    Args:
        a: Features of joints, the frames of all sequences end to end.
        b: The same.
        ptr: Sequence n has the frames from ``ptr[n]`` to ``ptr[n + 1] - 1``.
        every: The number of frames of each sequence, if all have as many.

    Shapes:
        - **input:** ``a`` and ``b`` ``[F, V, K, D]``, ``ptr`` ``[N + 1]``.
        - **output:** ``[N, K, V, V]``.

    Raises:
        ValueError: If shapes do not fit.
    """
    if a.dim() != 4 or a.shape != b.shape:
        raise ValueError(f"`a` and `b` must both be [F, V, K, D] (got {list(a.shape)} and {list(b.shape)})")
    return compare_joints_reference(a, b, ptr, every)


def compare_joints_reference(a: Tensor, b: Tensor, ptr: Tensor, every: int | None = None) -> Tensor:
    """The same in plain PyTorch: one product per sequence where all are equally long, else one per frame."""
    if every is not None:
        left = a.unflatten(0, (-1, every)).permute(0, 3, 2, 1, 4).flatten(3)  # [N, K, V, T D]
        right = b.unflatten(0, (-1, every)).permute(0, 3, 1, 4, 2).flatten(2, 3)  # [N, K, T D, V]
        return left @ right
    owner = torch.repeat_interleave(torch.arange(ptr.numel() - 1, device=a.device), ptr.diff(), output_size=a.size(0))
    per_frame = torch.matmul(a.transpose(1, 2), b.permute(0, 2, 3, 1))
    return per_frame.new_zeros(ptr.numel() - 1, *per_frame.shape[1:]).index_add(0, owner, per_frame)
