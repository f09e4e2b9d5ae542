"""Synchronized batch normalization across ranks, on CPU and GPU."""

from collections.abc import Callable, Sequence
from typing import Any, cast

import torch
import torch.distributed as dist
from torch import Tensor
from torch.nn import functional as F
from torch.nn.modules.batchnorm import _BatchNorm, _NormBase
from torch_geometric.nn import BatchNorm as PyGBatchNorm

from graphkit.errors import InputError

#: Process group of :mod:`torch.distributed`; ``None`` for the default one.
Group = Any
#: Largest world size with direct sends between all ranks, which have a third of the latency of gloo's all_gather.
DIRECT = 8


class NormGroup:
    """Process group of the synchronized batch norms of a model.

    Args:
        group (Group, optional): Process group for the statistics; the default group if ``None``. A separate group keeps
            their messages apart from those of the gradients.
    """

    def __init__(self, group: Group = None) -> None:
        self.group = group
        #: If ``False``, the rows of this rank are excluded from the statistics: a batch with fewer items than ranks
        #: gives some ranks rows that only keep the collective calls in step.
        self.counts = True


class SyncBatchNorm1d(torch.nn.BatchNorm1d):
    r"""Batch normalization with the statistics of the rows of all ranks.

    With :math:`n_r` rows of mean :math:`\mu_r` and variance :math:`\sigma_r^2` on rank :math:`r`,

    .. math::
        \mu = \tfrac{1}{n} \sum_r n_r \mu_r, \qquad
        \sigma^2 = \tfrac{1}{n} \sum_r n_r \left( \sigma_r^2 + (\mu_r - \mu)^2 \right), \qquad n = \sum_r n_r .

    Each rank sends :math:`2 C + 1` numbers forward and :math:`2 C` backward. Ranks may have different numbers of rows.
    Unlike :class:`torch.nn.SyncBatchNorm`, the module also runs on CPUs.

    Shapes:
        - **input:** ``[N, C]``, or ``[N, C, L]`` with :math:`N L` rows.
        - **output:** as the input.
    """

    together: NormGroup
    #: If ``True``, a single row is normalized with the running statistics; otherwise it raises an error.
    takes_one: bool

    @classmethod
    def of(cls, norm: torch.nn.BatchNorm1d, together: NormGroup) -> "SyncBatchNorm1d":
        """Creates a synchronized norm that shares the parameters of a batch norm."""
        shared = cls(norm.num_features, norm.eps, norm.momentum, norm.affine, norm.track_running_stats)
        shared.weight, shared.bias = norm.weight, norm.bias
        shared.running_mean, shared.running_var = norm.running_mean, norm.running_var
        shared.num_batches_tracked = norm.num_batches_tracked
        shared.together, shared.takes_one = together, bool(getattr(norm, "takes_one", False))
        return shared.train(norm.training)

    def forward(self, x: Tensor) -> Tensor:
        """Normalizes rows; in evaluation mode with the running statistics."""
        if not self.training:
            return super().forward(x)
        if x.dim() == 3:
            rows = x.transpose(1, 2)
            return normalize([self], [rows.reshape(-1, x.size(1))])[0].view(rows.shape).transpose(1, 2)
        return normalize([self], [x])[0]


def normalize(norms: Sequence[torch.nn.Module], rows: Sequence[Tensor]) -> list[Tensor]:
    """Applies independent batch norms with one exchange of statistics.

    Args:
        norms (Sequence[torch.nn.Module]): Batch norms, all synchronized or none.
        rows (Sequence[Tensor]): Input ``[N, C]`` of each norm.
    """
    if not (isinstance(norms[0], SyncBatchNorm1d) and norms[0].training):
        return [norm(x) for norm, x in zip(norms, rows, strict=True)]
    shared = cast(Sequence[SyncBatchNorm1d], norms)
    pairs = [parameter for norm in shared for parameter in _scale_and_shift(norm)]
    outs = _Normalise.apply(len(rows), shared[0].eps, shared[0].together, *rows, *pairs)
    normed = list(outs[: len(rows)])
    for index, (norm, mean, variance, count) in enumerate(zip(shared, *outs[len(rows) :], strict=True)):
        if count >= 2:
            remember(norm, mean, variance, count)
        elif norm.takes_one:
            normed[index] = torch.nn.BatchNorm1d.forward(norm.eval(), rows[index])
            norm.train()
        else:
            raise InputError(
                f"a batch norm needs at least two rows in training (got {count:.0f} over all processes); take a larger "
                "`train.batch_size`"
            )
    return normed


def _scale_and_shift(norm: SyncBatchNorm1d) -> tuple[Tensor, Tensor]:
    """Returns weight and bias of a norm; one and zero without them."""
    if norm.weight is None or norm.bias is None:
        mean = cast(Tensor, norm.running_mean)
        return torch.ones_like(mean), torch.zeros_like(mean)
    return norm.weight, norm.bias


def check_norms(model: torch.nn.Module) -> None:
    """Checks that all batch norms of a model can be synchronized.

    Raises:
        InputError: If a norm over the batch is no ``BatchNorm1d`` or has no running statistics.
    """
    for name, module in model.named_modules():
        tracks = getattr(module, "running_mean", None) is not None
        is_one_dimensional = isinstance(module, torch.nn.BatchNorm1d)
        is_wrong = not tracks if is_one_dimensional else tracks or isinstance(module, _BatchNorm)
        if isinstance(module, _NormBase) and is_wrong:
            raise InputError(
                "with several processes, batch norms must be BatchNorm1d with running statistics (got "
                f"{type(module).__name__} '{name}'); replace it, or set train.sync_batchnorm=false"
            )


def convert_sync_batchnorm(model: torch.nn.Module, group: Group = None) -> NormGroup:
    """Replaces all batch norms of a model by :class:`SyncBatchNorm1d`.

    Parameters, buffers and their names stay.

    A norm that is registered twice is replaced by one norm. Norms that are synchronized already get the new group.

    Args:
        model (torch.nn.Module): Model, changed in place.
        group (Group, optional): Process group for the statistics; the default group if ``None``.

    Returns:
        The process group of all norms of the model.
    """
    together = NormGroup(group)
    shared: dict[torch.nn.Module, SyncBatchNorm1d] = {}
    for path, module in list(model.named_modules(remove_duplicate=False)):
        if isinstance(module, PyGBatchNorm) and module.allow_single_element:
            module.allow_single_element = False  # every rank must take part in the collective calls
            module.module.takes_one = True
        if isinstance(module, SyncBatchNorm1d):
            module.together = together
        elif isinstance(module, torch.nn.BatchNorm1d):
            parent, _, name = path.rpartition(".")
            shared.setdefault(module, SyncBatchNorm1d.of(module, together))
            model.get_submodule(parent).register_module(name, shared[module])
    return together


def summed(norm: torch.nn.Module, rows: Tensor) -> Tensor:
    """Sums partial statistics of a synchronized norm over all ranks.

    For any other norm they are returned unchanged.
    """
    if not isinstance(norm, SyncBatchNorm1d):
        return rows
    together = norm.together
    # Zeros that stay in the graph: without a gradient, this rank would skip the collective calls of the backward pass.
    masked = rows if together.counts else torch.where(torch.zeros_like(rows, dtype=torch.bool), rows, 0.0)
    return cast(Tensor, _Sum.apply(masked, together))


@torch.no_grad()
def remember(norm: torch.nn.BatchNorm1d, mean: Tensor, variance: Tensor, count: float) -> None:
    """Updates the running statistics of a norm from a batch of ``count`` rows."""
    if norm.running_mean is None or norm.running_var is None or norm.num_batches_tracked is None:
        return
    norm.num_batches_tracked += 1
    share = norm.momentum if norm.momentum is not None else 1.0 / float(norm.num_batches_tracked)
    norm.running_mean.lerp_(mean.to(norm.running_mean.dtype), share)
    norm.running_var.lerp_((variance * (count / max(count - 1, 1))).to(norm.running_var.dtype), share)


def gather(tensor: Tensor, group: Group = None) -> Tensor:
    """Returns the tensors of all ranks, of one shape, as ``[world_size, ...]``."""
    return gathering(tensor, group)()


def gathering(tensor: Tensor, group: Group = None) -> Callable[[], Tensor]:
    """Starts an asynchronous :func:`gather`; returns a function that waits for it."""
    world = dist.get_world_size(group)
    every = [tensor if rank == dist.get_rank(group) else torch.empty_like(tensor) for rank in range(world)]
    if tensor.is_cuda or world > DIRECT:
        handle = dist.all_gather(every, tensor.clone(), group=group, async_op=True)
        return lambda: _arrived([handle], every)
    work = []
    for rank in range(world):
        if every[rank] is not tensor:
            work.append(dist.irecv(every[rank], group=group, group_src=rank))
            work.append(dist.isend(tensor, group=group, group_dst=rank))
    return lambda: _arrived(work, every)


def _arrived(work: Sequence[dist.Work | None], every: list[Tensor]) -> Tensor:
    """Waits for messages and returns the received tensors."""
    for handle in work:
        if handle is not None:
            handle.wait()
    return torch.stack(every)


class _Normalise(torch.autograd.Function):
    """Batch normalization with statistics of all ranks, and its gradient."""

    @staticmethod
    def forward(ctx: Any, number: int, eps: float, together: NormGroup, *tensors: Tensor) -> Any:
        rows, weights, biases = tensors[:number], tensors[number::2], tensors[number + 1 :: 2]
        wide = torch.float64 if rows[0].dtype == torch.float64 else torch.float32
        stats = [_statistics(x, together.counts, wide) for x in rows]
        parts = gather(torch.cat(stats), together.group).split([len(entry) for entry in stats], dim=1)
        outs, means, variances, counts = [], [], [], []
        for x, weight, bias, chunk in zip(rows, weights, biases, parts, strict=True):
            mean, variance, count = _united(chunk)
            outs.append(F.batch_norm(x, mean, variance, weight, bias, False, 0.0, eps))
            means.append(mean)
            variances.append(variance)
            counts.append(count)
        ctx.save_for_backward(*rows, *weights, *means, *variances)
        ctx.eps, ctx.counts, ctx.together, ctx.counts_locally = eps, counts, together, together.counts
        return *outs, means, variances, counts

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        number = len(ctx.counts)
        saved = ctx.saved_tensors
        rows, weights, means, variances = (saved[i * number : (i + 1) * number] for i in range(4))
        of_rows, of_pairs = [], []
        for grad, x, weight, mean, variance in zip(grads[:number], rows, weights, means, variances, strict=True):
            # Gradient for fixed statistics, as in evaluation; their dependence on x is added below.
            dx, dweight, dbias = torch.ops.aten.native_batch_norm_backward(
                grad.contiguous(), x, weight, mean, variance, None, None, False, ctx.eps, [True, True, True]
            )
            of_rows.append(dx)
            of_pairs += [dweight, dbias]
        if not any(ctx.needs_input_grad[3 : 3 + number]):  # norms of the input itself
            return None, None, None, *of_rows, *of_pairs
        sums = gather(torch.cat(of_pairs).to(means[0].dtype), ctx.together.group).sum(0)
        for index, chunk in enumerate(sums.split([2 * len(mean) for mean in means])):
            if ctx.counts_locally:
                of_scale, of_mean = chunk.view(2, -1) / ctx.counts[index]
                inverse = (variances[index] + ctx.eps).rsqrt()
                slope = weights[index] * inverse
                # slope (of_mean + (x - mean) inverse of_scale), as a number per channel and one per row and channel
                factor = slope * inverse * of_scale
                offset = slope * of_mean - factor * means[index]
                of_rows[index] = of_rows[index] - torch.addcmul(offset, rows[index], factor).to(of_rows[index].dtype)
        return None, None, None, *of_rows, *of_pairs


def _statistics(x: Tensor, counts: bool, wide: torch.dtype) -> Tensor:
    """Returns the number of rows, their mean and their variance, ``[1 + 2 C]``.

    Zeros if the rows are excluded.
    """
    if not (counts and x.size(0)):
        return torch.zeros(1 + 2 * x.size(1), dtype=wide, device=x.device)
    if x.is_cuda:
        variance, mean = torch.var_mean(x.to(wide), 0, correction=0)
    else:  # over the first axis, `var_mean` takes 35 times as long
        mean, variance = torch.ops.aten.batch_norm_update_stats(x.to(wide), None, None, 0.0)
    return torch.cat([mean.new_full((1,), float(x.size(0))), mean, variance])


def _united(parts: Tensor) -> tuple[Tensor, Tensor, float]:
    """Combines the statistics of all ranks to mean, variance and count."""
    channels = parts.size(1) // 2
    counts, means, variances = parts[:, :1], parts[:, 1 : channels + 1], parts[:, channels + 1 :]
    count = float(counts.sum())
    mean = (counts * means).sum(0) / count
    return mean, (counts * (variances + (means - mean).square())).sum(0) / count, count


class _Sum(torch.autograd.Function):
    """Sum over all ranks; its gradient is the sum of the gradients of all ranks."""

    @staticmethod
    def forward(ctx: Any, rows: Tensor, together: NormGroup) -> Tensor:
        ctx.together = together
        return gather(rows.contiguous(), together.group).sum(0)

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        return gather(grads[0].contiguous(), ctx.together.group).sum(0), None
