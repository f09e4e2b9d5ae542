"""Gradients by parameter name, zero where a parameter has none."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor

#: Tensors by parameter name.
Named = dict[str, Tensor]


def trainable(model: torch.nn.Module) -> dict[str, torch.nn.Parameter]:
    """Returns the trainable parameters, by name."""
    return {name: parameter for name, parameter in model.named_parameters() if parameter.requires_grad}


def gradients(
    value: Tensor, parameters: Mapping[str, Tensor], retain_graph: bool = False, create_graph: bool = False
) -> Named:
    r"""Returns :math:`\partial v / \partial \theta` by parameter, without ``.grad``.

    Args:
        value: Scalar :math:`v`.
        parameters: Parameters :math:`\theta`, by name.
        retain_graph: If ``True``, the autograd graph is kept.
        create_graph: If ``True``, the result can be differentiated.

    Returns:
        Gradients by name; zeros for parameters that the value does not depend on.
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
    """Returns all tensors concatenated to one vector ``[P]``, in their order."""
    return torch.cat([tensor.reshape(-1) for tensor in named.values()])


@contextmanager
def evaluating(model: torch.nn.Module) -> Iterator[None]:
    """Puts a model into evaluation mode, and restores all modes at exit."""
    modes = {module: module.training for module in model.modules()}
    model.eval()
    try:
        yield
    finally:
        for module, mode in modes.items():
            module.training = mode
