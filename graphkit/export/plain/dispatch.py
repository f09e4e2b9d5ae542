"""From a trained model to the copy of it that can be exported."""

from functools import singledispatch

import torch

from graphkit.errors import InputError


@singledispatch
def plain_form(model: torch.nn.Module) -> torch.nn.Module:
    """Returns a copy of a model for evaluation that is made of PyTorch's own convolutions and products only.

    It gives the numbers of the model to rounding, has no norm and no operator of graphkit in it, and its shapes may be
    left open where it is exported, so that it can run where neither graphkit nor PyTorch is installed.

    Args:
        model: The model, whose norms have seen data: :class:`~graphkit.nn.STIGCN` or :class:`~graphkit.nn.STGCN`.
            Another one takes part once a function for its class is registered with ``plain_form.register``.

    Returns:
        The copy, in evaluation mode, on the CPU; it cannot be trained.

    Raises:
        ValueError: If no such copy is known for the class of the model.
    """
    supported = ", ".join(sorted(cls.__name__ for cls in plain_form.registry if cls is not object))
    raise InputError(f"only {supported} have a plain form that can be exported (got {type(model).__name__})")
