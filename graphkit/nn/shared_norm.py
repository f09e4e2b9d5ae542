"""Batch norms whose statistics are those of the batches of all processes."""

from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor
from torch.nn import functional as F

#: A process group of :mod:`torch.distributed`; nothing for the default one.
Group = Any


class Together:
    """What the shared norms of a model have in common.

    Args:
        group: The process group that statistics are exchanged in; the default one if nothing is given. One of its own
            keeps their messages apart from those of the gradients, which come at the same time.
    """

    def __init__(self, group: Group = None) -> None:
        self.group = group
        #: Whether the rows of this process count. They do not where a batch has fewer items than there are processes,
        #: and one of them computes along only in order to send and receive.
        self.counts = True


class SharedBatchNorm1d(torch.nn.BatchNorm1d):
    r"""Batch norm over the rows of all processes: as if one process had the whole batch.

    With :math:`n_r` rows of mean :math:`\mu_r` and variance :math:`\sigma_r^2` in process :math:`r`,

    .. math::
        \mu = \tfrac{1}{n} \sum_r n_r \mu_r, \qquad
        \sigma^2 = \tfrac{1}{n} \sum_r n_r \left( \sigma_r^2 + (\mu_r - \mu)^2 \right), \qquad n = \sum_r n_r .

    Every process sends :math:`2 C + 1` numbers forward and :math:`2 C` backward. Processes may have different numbers
    of rows, or none that count. :class:`torch.nn.SyncBatchNorm` does this on GPUs only; this one works wherever
    :mod:`torch.distributed` does.

    Shapes:
        - **input:** ``[N, C]``.
        - **output:** ``[N, C]``.
    """

    together: Together

    def forward(self, x: Tensor) -> Tensor:
        """Normalises rows; in evaluation mode with the statistics so far, and without a message."""
        if not self.training:
            return super().forward(x)
        out, mean, variance, count = _Normalise.apply(x, self.weight, self.bias, self.eps, self.together)
        remember(self, mean, variance, count)
        return out


def share_norms(model: torch.nn.Module, group: Group = None) -> Together:
    """Turns all batch norms of a model into shared ones, in place; parameters, buffers and their names stay.

    Returns:
        What they have in common.
    """
    together = Together(group)
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm1d):
            module.__class__ = SharedBatchNorm1d  # whoever holds the module (a list, another layer) still does
            module.together = together  # type: ignore[assignment]
    return together


def summed(norm: torch.nn.Module, rows: Tensor) -> Tensor:
    """Returns the sum over all processes of what a layer adds up for a norm; what it is given if that is not shared."""
    if not isinstance(norm, SharedBatchNorm1d):
        return rows
    together = norm.together
    return _Sum.apply(rows if together.counts else torch.zeros_like(rows), together)


@torch.no_grad()
def remember(norm: torch.nn.BatchNorm1d, mean: Tensor, variance: Tensor, count: float) -> None:
    """Moves the statistics of a norm that are kept for evaluation towards those of a batch of ``count`` rows."""
    if norm.running_mean is None or norm.running_var is None or norm.num_batches_tracked is None:
        return
    norm.num_batches_tracked += 1
    share = norm.momentum if norm.momentum is not None else 1.0 / float(norm.num_batches_tracked)
    norm.running_mean.lerp_(mean.to(norm.running_mean.dtype), share)
    norm.running_var.lerp_((variance * (count / max(count - 1, 1))).to(norm.running_var.dtype), share)


class _Normalise(torch.autograd.Function):
    """The norm with statistics of all processes, and its gradient."""

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, weight: Tensor, bias: Tensor, eps: float, together: Together
    ) -> tuple[Tensor, Tensor, Tensor, float]:
        channels = x.size(1)
        wide = torch.float64 if x.dtype == torch.float64 else torch.float32
        own = torch.zeros(2 * channels + 1, dtype=wide, device=x.device)
        if together.counts and x.size(0):
            variance, mean = torch.var_mean(x.to(wide), 0, correction=0)
            own[0], own[1 : channels + 1], own[channels + 1 :] = x.size(0), mean, variance
        every = [torch.empty_like(own) for _ in range(dist.get_world_size(together.group))]
        dist.all_gather(every, own, group=together.group)
        parts = torch.stack(every)
        counts, means, variances = parts[:, :1], parts[:, 1 : channels + 1], parts[:, channels + 1 :]
        count = float(counts.sum())
        mean = (counts * means).sum(0) / count
        variance = (counts * (variances + (means - mean).square())).sum(0) / count
        ctx.save_for_backward(x, weight, mean, variance)
        ctx.eps, ctx.count, ctx.together, ctx.own = eps, count, together, together.counts
        ctx.mark_non_differentiable(mean, variance)
        return F.batch_norm(x, mean, variance, weight, bias, False, 0.0, eps), mean, variance, count

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        x, weight, mean, variance = ctx.saved_tensors
        # With given statistics, as in evaluation; that they depend on x comes in below.
        dx, dweight, dbias = torch.ops.aten.native_batch_norm_backward(
            grads[0].contiguous(), x, weight, mean, variance, None, None, False, ctx.eps, [True, True, True]
        )
        sums = torch.cat([dbias, dweight]).to(mean.dtype)
        dist.all_reduce(sums, group=ctx.together.group)
        if ctx.own:
            of_mean, of_scale = sums.view(2, -1) / ctx.count
            inverse = (variance + ctx.eps).rsqrt()
            slope = weight * inverse
            # slope (of_mean + (x - mean) inverse of_scale), as one number per channel and one per channel and row
            factor = slope * inverse * of_scale
            offset = slope * of_mean - factor * mean
            dx = dx - torch.addcmul(offset, x, factor).to(dx.dtype)
        return dx, dweight, dbias, None, None


class _Sum(torch.autograd.Function):
    """The sum over all processes; its gradient is the sum of theirs."""

    @staticmethod
    def forward(ctx: Any, rows: Tensor, together: Together) -> Tensor:
        ctx.together, total = together, rows.clone()
        dist.all_reduce(total, group=together.group)
        return total

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        total = grads[0].clone()
        dist.all_reduce(total, group=ctx.together.group)
        return total, None
