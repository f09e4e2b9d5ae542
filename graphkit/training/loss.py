"""Training loss, in one process or in several with DistributedDataParallel."""

import inspect
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Protocol

import torch
from torch import Tensor
from torch.nn.parallel import DistributedDataParallel
from torch_geometric.data import Data

from graphkit.distributed.communicator import Communicator, get_communicator
from graphkit.nn import GraphModel
from graphkit.nn.sync_batch_norm import NormGroup, convert_sync_batchnorm
from graphkit.sampling.rank_slice import is_padding
from graphkit.tasks import Task
from graphkit.training.batches import select
from graphkit.training.gradient_stepper import GradientStepper


class ExtraLosses(Protocol):
    """Protocol of losses in addition to the task loss, such as distillation losses."""

    #: Current epoch, from 0.
    epoch: int

    @property
    def module(self) -> torch.nn.Module:
        """Module with the parameters and the state of the losses."""

    def capture(self) -> AbstractContextManager[dict[str, Any]]:
        """Returns a context that captures layer outputs of the model in its forward pass."""

    def losses(self, captured: dict[str, Any], inputs: dict[str, Any], batch: Data) -> list[tuple[Tensor, int]]:
        """Returns the weighted losses of a batch, each with its number of rows."""


class TrainingLoss(torch.nn.Module):
    r"""Training loss: task loss plus penalties of the model plus extra losses.

    With several processes, rank :math:`r` computes a slice :math:`B_r` of a batch :math:`B`. The loss of the batch is
    the mean over its terms (items, or known labels), and :class:`~torch.nn.parallel.DistributedDataParallel` averages
    gradients over the :math:`p` ranks, so that the loss of a rank is

    .. math::
        p \, \frac{n_r}{n} \, L_{B_r} + p \, \frac{g_r}{g} \, P_{B_r}, \qquad n = \sum_r n_r, \quad g = \sum_r g_r

    where :math:`n_r` is the number of terms and :math:`g_r` the number of graphs in the slice. Penalties are means over
    graphs; for an extra loss, :math:`g_r` is its number of rows. The gradient is that of the batch for any sizes of the
    slices.

    Args:
        model: The model.
        task: Task with the loss.
        precision: Mixed precision and gradient accumulation; ``None`` for float32.
        extra: Extra losses; ``None`` for none.
        communicator: Communicator of the processes; ``None`` for all of the job.
    """

    def __init__(
        self,
        model: GraphModel,
        task: Task,
        precision: GradientStepper | None = None,
        extra: ExtraLosses | None = None,
        communicator: Communicator | None = None,
    ) -> None:
        super().__init__()
        self.model, self.task, self.extra = model, task, extra
        self.precision = precision or GradientStepper()
        self.communicator = communicator or get_communicator()
        self.extra_module = None if extra is None else extra.module  # registers its parameters
        self.together: NormGroup | None = None

    def forward(self, data: Data, ids: Tensor | None) -> tuple[Tensor, float, float]:
        """Returns the loss to differentiate, its summand and the number of terms.

        The summand and the number of terms are those of :func:`~graphkit.training.loop.take_steps`.
        """
        model, extra = self.model, self.extra
        if self.together is not None:
            self.together.counts = not is_padding(data)
        weighed = self._weigh(data, ids)
        inputs = model.inputs(data)
        with self.precision.mixed(), nullcontext({}) if extra is None else extra.capture() as captured:
            if model.has_penalty:
                output, penalty = model(**inputs, return_penalty=True)
            else:
                output, penalty = model(**inputs), None
            added = [] if extra is None else extra.losses(captured, inputs, data)
        output, y = select(output.float() if self.precision.dtype else output, data.y, ids)
        if weighed is None:
            loss = self.task.loss(output, y)
            for term in (penalty, *(value for value, _ in added)):
                loss = loss if term is None else loss + term
            terms = self.task.weight(y)
            return loss, float(loss.detach()) * terms, terms
        weights, among, arrived = weighed
        totals = arrived()
        loss = output.sum() * 0.0  # a rank without terms has zero gradients for every parameter
        if weights[0]:
            loss = loss + self.task.loss(output, y, among) * (weights[0] / totals[0])
        if penalty is not None:
            loss = loss + penalty * (weights[1] / totals[1])
        if added:
            counts = [float(rows) * (not is_padding(data)) for _, rows in added]
            for (term, _), rows, total in zip(added, counts, self.communicator.all_reduce(*counts), strict=True):
                loss = loss + term * (rows / total)
        return loss * self.communicator.world_size, float(loss.detach()) * totals[2], totals[2]

    def _weigh(
        self, data: Data, ids: Tensor | None
    ) -> tuple[list[float], Tensor | None, Callable[[], list[float]]] | None:
        """Starts the all-reduce of the weights of a slice; ``None`` in a single process.

        Returns:
            The numbers of terms, graphs and targets of this rank; the targets of the entire batch if the loss needs
            them; and a function that returns the sums over all ranks.
        """
        if self.communicator.world_size == 1:
            return None
        y = data.y if ids is None else data.y[ids]
        among = self.communicator.all_gather_rows(y) if self.task.looks_around else None
        counts = not is_padding(data)
        graphs = float(data.num_graphs if data.get("batch") is not None or "lengths" in data else 1) * counts
        weights = [self.task.share(y, among), graphs, float(self.task.weight(y))]
        return weights, among, self.communicator.all_reduce_async(*weights)


def parallel(objective: TrainingLoss, share_statistics: bool) -> torch.nn.Module:
    """Returns the training loss wrapped for several processes.

    Args:
        objective: The training loss, which is returned unchanged in one process.
        share_statistics: If ``True``, batch norms use the statistics of the whole batch. This is not necessary if every
            rank computes the whole graph and only the loss is split.
    """
    communicator = objective.communicator
    if communicator.world_size == 1:
        return objective
    if share_statistics:
        objective.together = convert_sync_batchnorm(objective.model, communicator.norm_group)
    # Buffers are equal on all ranks, since synchronized norms update them; no broadcast is necessary.
    supported = inspect.signature(DistributedDataParallel).parameters
    keep = {"forward_sync_buffers" if "forward_sync_buffers" in supported else "broadcast_buffers": False}
    # In some phases and epochs, parameters are not used.
    return DistributedDataParallel(objective, find_unused_parameters=True, **keep)  # type: ignore[arg-type]
