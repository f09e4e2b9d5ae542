"""Every joint of every frame as a weighted sum of all joints of that frame, with weights of its sequence."""

import torch
from torch import Tensor


def mix_joints(x: Tensor, weight: Tensor, ptr: Tensor, every: int | None = None) -> Tensor:
    r"""Multiplies the joints of each frame with the matrix of the frame's sequence, for several groups of channels.

    .. math::
        \mathbf{o}_{f,v,k} = \sum_u W_{n(f),k,u,v} \, \mathbf{x}_{f,u,k}

    Args:
        x: Features of joints, the frames of all sequences end to end.
        weight: One matrix per sequence and group; row = sending joint u, column = receiving joint v. A single sequence
            of matrices serves all sequences.
        ptr: Sequence n has the frames from ``ptr[n]`` to ``ptr[n + 1] - 1``.
        every: The number of frames of each sequence, if all have as many.

    Shapes:
        - **input:** ``x`` ``[F, V, K, D]``, ``weight`` ``[N, K, V, V]`` or ``[1, K, V, V]``, ``ptr`` ``[N + 1]``.
        - **output:** ``[F, V, K, D]``.

    Raises:
        ValueError: If shapes do not fit.

    Notes:
        Its gradients are itself with transposed matrices and :func:`~graphkit.ops.compare_joints`.
    """
    if x.dim() != 4:
        raise ValueError(f"`x` must be [F, V, K, D] (got {list(x.shape)})")
    if weight.dim() != 4 or weight.shape[1:] != (x.size(2), x.size(1), x.size(1)):
        wanted = f"[N, {x.size(2)}, {x.size(1)}, {x.size(1)}]"
        raise ValueError(f"`weight` must be {wanted} as in `x` (got {list(weight.shape)})")
    return mix_joints_reference(x, weight, ptr, every)


def mix_joints_reference(x: Tensor, weight: Tensor, ptr: Tensor, every: int | None = None) -> Tensor:
    """The same in plain PyTorch: one product per sequence where all are equally long, else one per frame."""
    if weight.size(0) == 1 and ptr.numel() != 2:  # the matrices of all: the frames are one sequence to them
        return torch.matmul(weight[0].transpose(-1, -2), x.transpose(1, 2)).transpose(1, 2)
    if every is not None:
        apart = x.unflatten(0, (-1, every)).permute(0, 3, 2, 1, 4)  # [N, K, V, T, D]
        mixed = weight.transpose(-1, -2) @ apart.flatten(3)
        return mixed.unflatten(3, (every, -1)).permute(0, 3, 2, 1, 4).flatten(0, 1)
    owner = torch.repeat_interleave(torch.arange(ptr.numel() - 1, device=x.device), ptr.diff(), output_size=x.size(0))
    per_frame = weight.transpose(-1, -2).index_select(0, owner)
    return torch.matmul(per_frame, x.transpose(1, 2)).transpose(1, 2)
