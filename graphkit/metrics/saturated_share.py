"""Fraction of saturated factor coefficients."""

from torch import Tensor

from graphkit.errors import InputError


def saturated_share(coefficients: Tensor) -> float:
    """Computes the fraction of coefficients below 0.01 or above 0.99.

    The gradient of a sigmoid vanishes in these ranges. A layer whose factors are all 0 or all 1 can satisfy the
    discriminator without distinguishing edges, so a value near 1 indicates degenerate factors.

    Args:
        coefficients (Tensor): Factor coefficients, of any shape.

    Raises:
        InputError: If there is no coefficient, or one is NaN.

    Example:
        >>> import torch
        >>> saturated_share(torch.tensor([0.001, 0.5, 0.6, 0.999]))
        0.5
    """
    if coefficients.numel() == 0:
        raise InputError("`coefficients` must hold at least one value (got none)")
    if bool(coefficients.isnan().any()):
        raise InputError("`coefficients` must be numbers (got NaN); did the training diverge?")
    return float(((coefficients < 0.01) | (coefficients > 0.99)).double().mean())
