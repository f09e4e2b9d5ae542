"""The loss of one batch, and of the part of it that one of several processes computes."""

import inspect
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor
from torch.nn.parallel import DistributedDataParallel
from torch_geometric.data import Data

from graphkit.nn import GraphModel
from graphkit.nn.shared_norm import Together, gather, share_norms
from graphkit.tasks import Task
from graphkit.train.batches import select
from graphkit.train.precision import Precision
from graphkit.train.teaching import Teaching
from graphkit.train.team import Team, team


class Objective(torch.nn.Module):
    r"""What training makes small: the loss of the task, the penalties of the model and the losses against a teacher.

    Of several processes, each computes a part :math:`B_r` of a batch :math:`B`. The loss of the batch is the mean over
    its terms (items, or known labels), and :class:`~torch.nn.parallel.DistributedDataParallel` takes the mean over the
    :math:`p` processes, so that a process returns

    .. math::
        p \, \frac{n_r}{n} \, L_{B_r} + p \, \frac{g_r}{g} \, P_{B_r}, \qquad n = \sum_r n_r, \quad g = \sum_r g_r

    where :math:`n_r` is its number of terms and :math:`g_r` its number of graphs, which penalties are means over; for
    the losses against a teacher, the number of nodes or graphs that are compared takes its place. The gradient is then
    that of the batch, whatever the sizes of the parts.

    Args:
        model: The model.
        task: Its loss.
        precision: With which numbers to compute; float32 by default.
        teaching: The losses of a student against its teacher, if it has one.
        processes: Those that go through batches together; the ones there are by default.
    """

    def __init__(
        self,
        model: GraphModel,
        task: Task,
        precision: Precision | None = None,
        teaching: Teaching | None = None,
        processes: Team | None = None,
    ) -> None:
        super().__init__()
        self.model, self.task, self.teaching = model, task, teaching
        self.precision = precision or Precision()
        self.processes = processes or team()
        self.maps = None if teaching is None else teaching.distiller  # which has parameters of its own
        self.together: Together | None = None

    def forward(self, data: Data, ids: Tensor | None) -> tuple[Tensor, float, float]:
        """Returns the loss to go back from, its share in the sum over the epoch, and the terms of the whole batch."""
        model, teaching = self.model, self.teaching
        if self.together is not None:
            self.together.counts = "stand_in" not in data
        weighed = self._weigh(data, ids)
        inputs = model.inputs(data)
        with self.precision.mixed(), nullcontext({}) if teaching is None else teaching.listen() as heard:
            if model.has_penalty:
                output, penalty = model(**inputs, return_penalty=True)
            else:
                output, penalty = model(**inputs), None
            taught = [] if teaching is None else teaching.losses(heard, inputs, data)
        output, y = select(output.float() if self.precision.dtype else output, data.y, ids)
        if weighed is None:
            loss = self.task.loss(output, y)
            for extra in (penalty, *(each for each, _ in taught)):
                loss = loss if extra is None else loss + extra
            terms = self.task.weight(y)
            return loss, float(loss.detach()) * terms, terms
        own, among, arrived = weighed
        whole = arrived()
        loss = output.sum() * 0.0  # what a process without terms sends back: nothing, for every parameter
        if own[0]:
            loss = loss + self.task.loss(output, y, among) * (own[0] / whole[0])
        if penalty is not None:
            loss = loss + penalty * (own[1] / whole[1])
        if taught:
            mine = [float(rows) * ("stand_in" not in data) for _, rows in taught]
            for (extra, _), rows, all_of_them in zip(taught, mine, self.processes.total(*mine), strict=True):
                loss = loss + extra * (rows / all_of_them)
        return loss * self.processes.world, float(loss.detach()) * whole[2], whole[2]

    def _weigh(self, data: Data, ids: Tensor | None) -> tuple[list[float], Tensor | None, Callable[[], Any]] | None:
        """Begins to tell the other processes how much the own part of a batch weighs; nothing in a single process.

        Returns:
            The own numbers of terms, graphs and targets; the targets of the whole batch if the loss needs them; and
            what returns the sums over all processes.
        """
        if self.processes.world == 1:
            return None
        y = data.y if ids is None else data.y[ids]
        among = self.processes.rows(y) if self.task.looks_around else None
        counts = "stand_in" not in data
        graphs = float(data.num_graphs if data.get("batch") is not None or "lengths" in data else 1) * counts
        own = [self.task.share(y, among), graphs, float(self.task.weight(y))]
        return own, among, self.processes.totalling(*own)


def parallel(objective: Objective, share_statistics: bool) -> torch.nn.Module:
    """Returns the objective as all processes train it: gradients, and statistics of norms, are those of the batch.

    Args:
        objective: The objective; in one process it is returned as it is.
        share_statistics: Whether norms take the statistics of the whole batch. They need not where the graph is one
            batch: then each process computes all of it, and only the loss is split.
    """
    processes = objective.processes
    if processes.world == 1:
        return objective
    if share_statistics:
        objective.together = share_norms(objective.model, processes.norms)
    # Buffers are alike from the start and stay so, by the norms' own messages; they need not be sent at every step.
    known = inspect.signature(DistributedDataParallel).parameters
    keep = {"forward_sync_buffers" if "forward_sync_buffers" in known else "broadcast_buffers": False}
    # Phases, and losses that end, leave parameters out.
    wrapped = DistributedDataParallel(objective, find_unused_parameters=True, **keep)  # type: ignore[arg-type]
    if processes.world == 2 and not next(objective.parameters()).is_cuda:
        wrapped.register_comm_hook(None, _exchange)
    return wrapped


def _exchange(state: None, bucket: dist.GradBucket) -> torch.futures.Future[Tensor]:
    """Averages the gradients of two processes: each sends its own, as many bytes as by a ring but half the messages."""
    done: torch.futures.Future[Tensor] = torch.futures.Future()
    done.set_result(gather(bucket.buffer()).mean(0))
    return done
