"""Topology-aware weight preserving."""

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
    r"""`Overcoming Catastrophic Forgetting in Graph Neural Networks <https://arxiv.org/abs/2012.06002>`_ (AAAI 2021).

    A parameter is important if the loss of the task depends on it, or if the attention does:

    .. math::
        I &= \lambda_l \left| \partial L / \partial \theta \right| + \lambda_t \left| \partial
        \textstyle\sum_i \lVert \mathbf{e}_i \rVert^2 / \partial \theta \right|

        L' &= L_{new} + \sum_n \sum_m I_{n,m} (w_m - w_{n,m})^2 + \beta \lVert I_{new} \rVert_1

    where :math:`\mathbf{e}_i` is the attention over the edges into training node :math:`i`, in all layers; for layers
    without attention see :func:`~graphkit.continual.listen`.

    Args:
        lambda_l: Strength of what preserves the loss.
        lambda_t: Strength of what preserves the topology.
        beta: Strength of the capacity term, which keeps the new task from making everything important. It is
            differentiated a second time and costs two to four times the step; at 0 it costs nothing.
        gradients: ``"sample"`` takes magnitudes of the gradients of single items, ``"batch"`` that of the gradient
            of the mean, as the paper writes it, which vanishes where the loss has been minimized.
        measure: ``"abs"`` for magnitudes as in the paper, ``"square"`` for squares as in its code.
        norm: ``"squared"`` as in the paper, ``"fro"`` for the norm itself as in its code.
        scale: Whether each part is scaled to sum to one for each task, so that one strength serves.
        layers: Names of the graph layers that topology is taken from; ``None`` for all.
        nodes: Whose attention is preserved: ``"train"`` as in the paper, or ``"all"`` that can be seen.
        capacity: ``"importance"`` for :math:`\lVert I_{new} \rVert_1` as in the paper, with both strengths; ``"loss"``
            for :math:`\lVert \partial L_{new} / \partial \theta \rVert_1` alone.
        samples: At most so many items are looked at one by one, spread over the task.

    Differences:
        The released code takes the topology part from the sum of both gradients, in training mode and of the first
        layer only, counts the loss of the new task twice, detaches the capacity term, which has no effect there, and
        uses strengths of 10,000 with importances of no fixed scale.
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
        """Returns :math:`I` of a task."""
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
        """Returns :math:`|g|`, or its square, averaged over the batches of a task; the loss has no part in it."""
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
            raise InputError("no graph layer sends anything that depends on a parameter; set `lambda_t=0`")
        return topology_loss(parts, task.nodes(batch) if self.nodes == "train" else None, self.norm), size

    def before_task(self, model: torch.nn.Module, task: Experience) -> None:
        """Checks that there are graph layers to listen to, and keeps the task for the capacity term."""
        super().before_task(model, task)
        if self.lambda_t:
            with listen(model, self.layers):
                pass
        self._cycle = CycleIterator(task) if self.beta else None

    def penalty(self, model: torch.nn.Module, batch: Any = None) -> Tensor:
        """Returns the penalty of the old tasks and the capacity term of the new one."""
        total = super().penalty(model, batch)
        if self._cycle is None:
            return total
        task = self._cycle.task
        return total + self.beta * self.capacity_term(model, task, self._cycle.next() if batch is None else batch)

    def capacity_term(self, model: torch.nn.Module, task: Experience, batch: Any) -> Tensor:
        r"""Returns :math:`\lVert I_{new} \rVert_1` of a batch, which can be differentiated."""
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
