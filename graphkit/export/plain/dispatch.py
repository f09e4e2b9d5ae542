"""Conversion of trained models to their plain form."""

from functools import singledispatch

import torch

from graphkit.errors import InputError


@singledispatch
def plain_form(model: torch.nn.Module) -> torch.nn.Module:
    """Converts a model to an equivalent inference model of standard operators.

    The result equals the model up to rounding. It has no norms and no operators of graphkit, and supports dynamic
    shapes in an export.

    Args:
        model (Module): Trained model: :class:`~graphkit.nn.STIGCN` or :class:`~graphkit.nn.STGCN`. Register a function
            with ``plain_form.register`` to support other classes.

    Returns:
        A model in evaluation mode on the CPU, which cannot be trained.

    Raises:
        InputError: If the class of the model is not supported.
    """
    supported = ", ".join(sorted(cls.__name__ for cls in plain_form.registry if cls is not object))
    raise InputError(f"only {supported} have a plain form that can be exported (got {type(model).__name__})")
