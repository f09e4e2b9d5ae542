"""How many factor coefficients have stopped learning."""

from torch import Tensor

from graphkit.errors import InputError


def saturated_share(coefficients: Tensor) -> float:
    r"""Returns the fraction of coefficients below 0.01 or above 0.99.

    A sigmoid passes hardly any gradient there. A layer whose factors are all 1 or all 0 can satisfy the discriminator
    without having told any two edges apart, so a share near 1 is a warning, not a success.

    Args:
        coefficients: Factor coefficients, of any shape.

    Raises:
        ValueError: If there is no coefficient, or one is NaN.
    """
    if coefficients.numel() == 0:
        raise InputError("`coefficients` must hold at least one value (got none)")
    if bool(coefficients.isnan().any()):
        raise InputError("`coefficients` must be numbers (got NaN); did the training diverge?")
    return float(((coefficients < 0.01) | (coefficients > 0.99)).double().mean())
