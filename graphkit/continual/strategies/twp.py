"""Topology-aware weight preserving (TWP)."""

from typing import Any

import torch
from torch import Tensor

from graphkit.continual.cycle import CycleIterator
from graphkit.continual.experience import Experience
from graphkit.continual.gradients import Named, evaluating, gradients, trainable
from graphkit.continual.importance import add, check_measure, importance, scaled
from graphkit.continual.quadratic_penalty import STRENGTHS, QuadraticPenalty
from graphkit.continual.topology import listen, topology_loss
from graphkit.errors import InputError
from graphkit.registry import register_strategy


@register_strategy("twp")
class TWP(QuadraticPenalty):
    r"""Topology-aware weight preserving (TWP, AAAI 2021).

    The importance of a parameter is the sensitivity of the task loss and of the attention:

    .. math::
        I &= \lambda_l \left| \partial L / \partial \theta \right| + \lambda_t \left| \partial
        \textstyle\sum_i \lVert \mathbf{e}_i \rVert^2 / \partial \theta \right|

        L' &= L_{new} + \sum_n \sum_m I_{n,m} (w_m - w_{n,m})^2 + \beta \lVert I_{new} \rVert_1

    where :math:`\mathbf{e}_i` is the attention over the in-edges of training node :math:`i`, in all layers; for layers
    without attention see :func:`~graphkit.continual.listen`.

    Args:
        lambda_l (float, optional): Strength :math:`\lambda_l` of the importance for the loss. (default: ``100.0``)
        lambda_t (float, optional): Strength :math:`\lambda_t` of the importance for the topology. (default: ``10.0``)
        beta (float, optional): Strength :math:`\beta` of the capacity term, which limits the importance for the new
            task. It needs second derivatives and two to four times the time of a step. (default: ``0.0``)
        gradients (str, optional): ``"sample"`` for magnitudes of the gradients of single items, ``"batch"`` for those
            of the mean loss, as in the paper, which vanish at a minimum. (default: ``"sample"``)
        measure (str, optional): ``"abs"`` for magnitudes, as in the paper, ``"square"`` for squares, as in its code.
            (default: ``"abs"``)
        norm (str, optional): ``"squared"``, as in the paper, or ``"fro"`` for the norm without the square, as in its
            code. (default: ``"squared"``)
        scale (bool, optional): If ``True``, both importances of a task are scaled to sum to 1 before their strengths.
            (default: ``True``)
        layers (list of str, optional): Names of the graph layers with topology; all if ``None``. (default: ``None``)
        nodes (str, optional): Nodes with topology: ``"train"``, as in the paper, or ``"all"`` visible nodes.
            (default: ``"train"``)
        capacity (str, optional): ``"importance"`` for :math:`\lVert I_{new} \rVert_1`, as in the paper; ``"loss"`` for
            :math:`\lVert \partial L_{new} / \partial \theta \rVert_1`. (default: ``"importance"``)
        samples (int, optional): Maximum number of items for ``gradients="sample"``, evenly spaced over the task; all
            if ``None``. (default: ``50``)

    Reference:
        Liu, Yang and Wang, `Overcoming Catastrophic Forgetting in Graph Neural Networks
        <https://arxiv.org/abs/2012.06002>`_, AAAI 2021.

    Differences:
        The released code computes the importance for the topology from the sum of both gradients, in training mode, and
        for the first layer only. It adds the loss of the new task twice, detaches the capacity term, which therefore
        has no effect, and uses strengths of 10,000 with unscaled importances.
    """

    grid = tuple({"lambda_l": strength, "lambda_t": 0.1 * strength} for strength in STRENGTHS)

    def __init__(
        self,
        lambda_l: float = 100.0,
        lambda_t: float = 10.0,
        beta: float = 0.0,
        gradients: str = "sample",
        measure: str = "abs",
        norm: str = "squared",
        scale: bool = True,
        layers: list[str] | None = None,
        nodes: str = "train",
        capacity: str = "importance",
        samples: int | None = 50,
    ) -> None:
        super().__init__()
        check_measure(measure)
        for name, value, choices in (
            ("gradients", gradients, ("sample", "batch")),
            ("norm", norm, ("squared", "fro")),
            ("nodes", nodes, ("train", "all")),
            ("capacity", capacity, ("importance", "loss")),
        ):
            if value not in choices:
                raise InputError(f"`{name}` must be one of {', '.join(choices)} (got {value!r})")
        self.lambda_l, self.lambda_t, self.beta = lambda_l, lambda_t, beta
        self.gradients, self.measure, self.norm, self.scale = gradients, measure, norm, scale
        self.layers, self.nodes, self.capacity, self.samples = layers, nodes, capacity, samples
        self._cycle: CycleIterator | None = None

    def importance(self, model: torch.nn.Module, task: Experience) -> Named:
        """Returns the importance :math:`I` of every parameter for a task."""
        total = {name: torch.zeros_like(parameter) for name, parameter in trainable(model).items()}
        if self.lambda_l:
            scores = importance(model, task, task.loss, self.gradients, self.measure, self.samples)
            for name, value in (scaled(scores) if self.scale else scores).items():
                total[name] += self.lambda_l * value
        if self.lambda_t:
            scores = self.topology_importance(model, task)
            for name, value in (scaled(scores) if self.scale else scores).items():
                total[name] += self.lambda_t * value
        return total

    def topology_importance(self, model: torch.nn.Module, task: Experience) -> Named:
        """Returns the importance of every parameter for the topology, over all batches."""
        parameters = trainable(model)
        total = {name: torch.zeros_like(parameter) for name, parameter in parameters.items()}
        count = 0
        with evaluating(model):
            for batch in task:
                value, size = self._topology(model, task, batch)
                add(total, gradients(value, parameters), self.measure, size)
                count += size
        return {name: value / max(count, 1) for name, value in total.items()}

    def _topology(self, model: torch.nn.Module, task: Experience, batch: Any) -> tuple[Tensor, int]:
        """Returns the topology loss of a batch, and the number of its training items."""
        with listen(model, self.layers) as parts:
            size = task.output(model, batch).size(0)
        if not parts:
            raise InputError("no message of a graph layer depends on a parameter; set `lambda_t=0`")
        return topology_loss(parts, task.nodes(batch) if self.nodes == "train" else None, self.norm), size

    def before_task(self, model: torch.nn.Module, task: Experience) -> None:
        """Checks the graph layers, and keeps the task for the capacity term."""
        super().before_task(model, task)
        if self.lambda_t:
            with listen(model, self.layers):
                pass
        self._cycle = CycleIterator(task) if self.beta else None

    def penalty(self, model: torch.nn.Module, batch: Any = None) -> Tensor:
        """Returns the quadratic penalty plus the capacity term."""
        total = super().penalty(model, batch)
        if self._cycle is None:
            return total
        task = self._cycle.task
        return total + self.beta * self.capacity_term(model, task, self._cycle.next() if batch is None else batch)

    def capacity_term(self, model: torch.nn.Module, task: Experience, batch: Any) -> Tensor:
        r"""Returns the capacity term, :math:`\lVert I_{new} \rVert_1` on a batch."""
        parameters = trainable(model)
        value = self._l1(gradients(task.mean_loss(model, batch), parameters, create_graph=True))
        if self.capacity == "loss":
            return value
        value = self.lambda_l * value
        if self.lambda_t:
            topology, _ = self._topology(model, task, batch)
            value = value + self.lambda_t * self._l1(gradients(topology, parameters, create_graph=True))
        return value

    def _l1(self, named: Named) -> Tensor:
        measured = [value.abs() if self.measure == "abs" else value.square() for value in named.values()]
        return torch.stack([value.sum() for value in measured]).sum()
