"""Maximum-likelihood weights of an ensemble."""

import torch
from torch import Tensor

from graphkit.errors import InputError
from graphkit.metrics._checks import check_classes

_STEPS = 500


def mixture_weights(probabilities: Tensor, y: Tensor) -> Tensor:
    r"""Computes the ensemble weights with the largest likelihood of the true classes.

    .. math::
        \max_{w} \sum_n \log \sum_m w_m \, p_m(y_n), \qquad w_m \ge 0, \quad \sum_m w_m = 1

    The problem is concave and solved by expectation maximization, starting from equal weights.

    Args:
        probabilities (Tensor): ``[M, B, C]``, class probabilities of each model for items outside of the training data.
        y (Tensor): ``[B]`` int64, true classes.

    Returns:
        Weights ``[M]`` in float64.

    Raises:
        InputError: If the shapes do not match, there is no item, a class is out of range, or a probability is invalid.
    """
    if probabilities.dim() != 3 or not probabilities.size(0):
        raise InputError(f"`probabilities` must be [M, B, C] with at least one model (got {list(probabilities.shape)})")
    check_classes(probabilities[0], y)
    if not bool(((probabilities >= 0) & (probabilities.isfinite())).all()):
        raise InputError("`probabilities` must be finite and not negative; leave out models that diverged")
    likelihood = probabilities.double().gather(2, y.view(1, -1, 1).expand(probabilities.size(0), -1, 1)).squeeze(2)
    likelihood = likelihood.clamp(min=1e-12)  # items with zero probability in all models have no influence
    weights = torch.full(
        (likelihood.size(0), 1), 1.0 / likelihood.size(0), dtype=torch.float64, device=likelihood.device
    )
    for _ in range(_STEPS):
        share = weights * likelihood
        weights = (share / share.sum(dim=0)).mean(dim=1, keepdim=True)
    return weights.flatten()
