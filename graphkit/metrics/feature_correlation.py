"""Feature correlation of a representation."""

from torch import Tensor

from graphkit.errors import InputError


def feature_correlation(x: Tensor) -> Tensor:
    """Computes the absolute Pearson correlation between all pairs of features.

    A disentangled representation has blocks along the diagonal: features of the same factor are correlated, features of
    different factors are not.

    Args:
        x (Tensor): ``[N, D]``, features of nodes or graphs.

    Returns:
        Correlations ``[D, D]`` in float64, between 0 and 1; 0 for constant features.

    Raises:
        InputError: If ``x`` is not two-dimensional or has fewer than two rows.
    """
    if x.dim() != 2 or x.size(0) < 2:
        raise InputError(f"`x` must be [N, D] with at least two rows (got {tuple(x.shape)})")
    x = x.detach().double()
    size = x.norm(dim=0)
    x = x - x.mean(dim=0)
    scale = x.norm(dim=0)
    constant = scale <= 1e-12 * size  # a centered constant feature is zero up to rounding errors
    x = (x / scale.masked_fill(constant, 1)).masked_fill(constant, 0)
    return (x.t() @ x).abs().clamp(max=1)
