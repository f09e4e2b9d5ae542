"""How many factor coefficients have stopped learning."""

from torch import Tensor

from graphkit.errors import InputError


def saturated_share(coefficients: Tensor, low: float = 0.01, high: float = 0.99) -> float:
    r"""Returns the fraction of coefficients below ``low`` or above ``high``.

    A sigmoid passes hardly any gradient there. A layer whose factors are all 1 or all 0 can satisfy the discriminator
    without having told any two edges apart, so a share near 1 is a warning, not a success.

    Args:
        coefficients: Factor coefficients, of any shape.
        low, high: Limits of the range in which a coefficient still learns.

    Raises:
        ValueError: If there is no coefficient, or one is NaN.
    """
    if coefficients.numel() == 0:
        raise InputError("`coefficients` must hold at least one value (got none)")
    if bool(coefficients.isnan().any()):
        raise InputError("`coefficients` must be numbers (got NaN); did the training diverge?")
    return float(((coefficients < low) | (coefficients > high)).double().mean())
