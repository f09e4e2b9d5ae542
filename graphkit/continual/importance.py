"""Importance of parameters: mean magnitudes or squares of gradients."""

from collections.abc import Callable

import torch
from torch import Tensor

from graphkit.continual.experience import Experience
from graphkit.continual.gradients import Named, evaluating, gradients, trainable
from graphkit.errors import InputError

#: Function from the outputs and targets of some items to a scalar.
Quantity = Callable[[Tensor, Tensor], Tensor]


def output_norm(output: Tensor, target: Tensor) -> Tensor:
    """Returns the mean squared norm of the outputs, as in memory aware synapses (MAS).

    Args:
        output (Tensor): Outputs ``[n, C]``.
        target (Tensor): Targets, which are not used.

    Example:
        >>> output_norm(torch.tensor([[3.0, 4.0]]), torch.tensor([0]))
        tensor(25.)
    """
    return output.square().sum(dim=-1).mean()


def importance(
    model: torch.nn.Module,
    episode: Experience,
    quantity: Quantity,
    per: str = "sample",
    measure: str = "abs",
    samples: int | None = None,
) -> Named:
    r"""Returns the importance of every parameter for a quantity :math:`q` of a task.

    .. math::
        I = \frac1n \sum_i \left| \partial q_i / \partial \theta \right| \quad \text{(per sample)}, \qquad
        I = \frac1n \sum_b n_b \left| \partial q_b / \partial \theta \right| \quad \text{(per batch)}

    over the training items :math:`i`, or batches :math:`b` of :math:`n_b` items with mean :math:`q_b`; for
    ``measure="square"`` with squares instead of magnitudes. The model is in evaluation mode during the call. Gradients
    per batch vanish at a minimum of the loss, those per sample do not.

    Args:
        model (torch.nn.Module): The model.
        episode (Experience): The task.
        quantity (callable): ``quantity(output, target)`` returns a mean over items, such as the loss of the task.
        per (str, optional): ``"sample"`` or ``"batch"``. (default: ``"sample"``)
        measure (str, optional): ``"abs"`` or ``"square"``. (default: ``"abs"``)
        samples (int, optional): Maximum number of items for ``per="sample"``, evenly spaced over the task; all if
            ``None``. (default: ``None``)

    Returns:
        Non-negative tensors by parameter name; zero for parameters that :math:`q` does not depend on.

    Raises:
        InputError: If an option has an invalid value.
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
    """Returns tensors scaled so that the sum of all entries is a target.

    The same strength is then suitable for different tasks and networks. Tensors that are all zero are not changed.

    Args:
        named (dict of str to Tensor): Non-negative tensors by name.
        target (float, optional): Sum of all entries. (default: ``1.0``)

    Example:
        >>> scaled({"weight": torch.tensor([1.0, 3.0])})
        {'weight': tensor([0.2500, 0.7500])}
    """
    mass = float(torch.stack([value.double().sum() for value in named.values()]).sum())
    return named if mass == 0 else {name: value * (target / mass) for name, value in named.items()}


def check_measure(measure: str) -> None:
    """Raises an error for an unknown measure."""
    if measure not in ("abs", "square"):
        raise InputError(f"`measure` must be 'abs' or 'square' (got {measure!r})")
