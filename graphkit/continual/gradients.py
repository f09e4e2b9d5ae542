"""Gradients by parameter name: zeros where there is none, so that nothing ever shifts against anything else."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor

#: One tensor for each parameter, by its name in the model.
Named = dict[str, Tensor]


def trainable(model: torch.nn.Module) -> dict[str, torch.nn.Parameter]:
    """Returns the parameters that training changes, by name."""
    return {name: parameter for name, parameter in model.named_parameters() if parameter.requires_grad}


def gradients(
    value: Tensor, parameters: Mapping[str, Tensor], retain_graph: bool = False, create_graph: bool = False
) -> Named:
    r"""Returns :math:`\partial v / \partial \theta` for every parameter, without touching any ``.grad``.

    Args:
        value: A scalar.
        parameters: What to differentiate by.
        retain_graph: Whether the graph of the value is needed again.
        create_graph: Whether the result is to be differentiated itself.

    Returns:
        A tensor for each parameter; zeros for one that the value does not depend on.
    """
    if not value.requires_grad:
        return {name: torch.zeros_like(parameter) for name, parameter in parameters.items()}
    grads = torch.autograd.grad(
        value,
        list(parameters.values()),
        retain_graph=retain_graph or create_graph,
        create_graph=create_graph,
        allow_unused=True,
    )
    pairs = zip(parameters.items(), grads, strict=True)
    return {name: torch.zeros_like(parameter) if grad is None else grad for (name, parameter), grad in pairs}


def flatten(named: Mapping[str, Tensor]) -> Tensor:
    """Returns all tensors end to end as one vector ``[P]``, in the order of the names."""
    return torch.cat([tensor.reshape(-1) for tensor in named.values()])


@contextmanager
def evaluating(model: torch.nn.Module) -> Iterator[None]:
    """Puts a model into evaluation mode for a while; every module gets back the mode that it was in."""
    modes = {module: module.training for module in model.modules()}
    model.eval()
    try:
        yield
    finally:
        for module, mode in modes.items():
            module.training = mode
