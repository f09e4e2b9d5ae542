"""How much the features of a representation say the same."""

from torch import Tensor

from graphkit.errors import InputError


def feature_correlation(x: Tensor) -> Tensor:
    r"""Returns the absolute Pearson correlation between every two features.

    A disentangled representation shows blocks along the diagonal: features of one factor go together, features of
    different factors do not.

    Args:
        x: Features of nodes or graphs, one row each.

    Shapes:
        - **input:** ``x`` ``[N, D]``.
        - **output:** ``[D, D]`` float64 between 0 and 1; 0 for a feature that is constant.

    Raises:
        ValueError: If ``x`` is not two-dimensional or has fewer than two rows.
    """
    if x.dim() != 2 or x.size(0) < 2:
        raise InputError(f"`x` must be [N, D] with at least two rows (got {tuple(x.shape)})")
    x = x.detach().double()
    size = x.norm(dim=0)
    x = x - x.mean(dim=0)
    scale = x.norm(dim=0)
    constant = scale <= 1e-12 * size  # what centring leaves of a constant feature is rounding, not exactly zero
    x = (x / scale.masked_fill(constant, 1)).masked_fill(constant, 0)
    return (x.t() @ x).abs().clamp(max=1)
