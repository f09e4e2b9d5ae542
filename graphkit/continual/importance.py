"""How much each parameter matters: gradients of some quantity, their magnitudes or squares averaged over items."""

from collections.abc import Callable

import torch
from torch import Tensor

from graphkit.continual.experience import Experience
from graphkit.continual.gradients import Named, evaluating, gradients, trainable
from graphkit.errors import InputError

#: From the outputs and targets of some items to a scalar.
Quantity = Callable[[Tensor, Tensor], Tensor]


def output_norm(output: Tensor, target: Tensor) -> Tensor:
    """Returns the mean squared norm of the outputs, what memory aware synapses measures; targets play no part."""
    return output.square().sum(dim=-1).mean()


def importance(
    model: torch.nn.Module,
    episode: Experience,
    quantity: Quantity,
    per: str = "sample",
    measure: str = "abs",
    samples: int | None = None,
) -> Named:
    r"""Returns the importance of every parameter for a quantity :math:`q` over the training items of a task.

    .. math::
        I = \frac1n \sum_i \left| \partial q_i / \partial \theta \right| \quad \text{(per sample)}, \qquad
        I = \frac1n \sum_b n_b \left| \partial q_b / \partial \theta \right| \quad \text{(per batch)}

    where :math:`q_b` is the mean over a batch of :math:`n_b` items, or squares in the place of magnitudes. The model
    is in evaluation mode meanwhile, so that dropout adds no noise. Gradients of single items do not cancel; those of a
    batch do, and vanish where a loss has been minimized.

    Args:
        model: The model.
        episode: The task.
        quantity: ``quantity(output, target)``, a mean over items, such as the loss of the task.
        per: ``"sample"`` or ``"batch"``.
        measure: ``"abs"`` or ``"square"``.
        samples: At most so many items, evenly spread over the task, when it is per sample; ``None`` for all.

    Returns:
        Tensors without negative entries, by name; zero for parameters that play no part.
    """
    check_measure(measure)
    if per not in ("sample", "batch"):
        raise InputError(f"`per` must be 'sample' or 'batch' (got {per!r})")
    if samples is not None and samples < 1:
        raise InputError(f"`samples` must be at least 1, or none for all (got {samples})")
    parameters = trainable(model)
    total = {name: torch.zeros_like(parameter) for name, parameter in parameters.items()}
    count = offset = 0
    step = 1
    if samples is not None and per == "sample":
        step = max(1, -(-sum(episode.target(batch).size(0) for batch in episode) // samples))
    with evaluating(model):
        for batch in episode:
            output, target = episode.output(model, batch), episode.target(batch)
            size = output.size(0)
            if per == "batch":
                add(total, gradients(quantity(output, target), parameters), measure, size)
                count += size
                continue
            chosen = range(-offset % step, size, step)
            for item in chosen:
                value = quantity(output[item : item + 1], target[item : item + 1])
                add(total, gradients(value, parameters, retain_graph=item != chosen[-1]), measure)
            count, offset = count + len(chosen), offset + size
    return {name: value / max(count, 1) for name, value in total.items()}


def add(total: Named, grads: Named, measure: str, weight: float = 1) -> None:
    """Adds magnitudes or squares of gradients to a running sum, in place."""
    for name, grad in grads.items():
        total[name] += weight * (grad.abs() if measure == "abs" else grad.square())


def scaled(named: Named, target: float = 1.0) -> Named:
    """Returns tensors whose entries sum to a target all together; those that are all zero stay so.

    Importances of different tasks, networks and kinds get the same weight this way, so that one strength serves.
    """
    mass = float(torch.stack([value.double().sum() for value in named.values()]).sum())
    return named if mass == 0 else {name: value * (target / mass) for name, value in named.items()}


def check_measure(measure: str) -> None:
    """Refuses a measure that does not exist."""
    if measure not in ("abs", "square"):
        raise InputError(f"`measure` must be 'abs' or 'square' (got {measure!r})")
