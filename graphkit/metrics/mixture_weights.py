"""How much each of several models should say, so that together they explain what they have not learned from."""

import torch
from torch import Tensor

from graphkit.errors import InputError
from graphkit.metrics._checks import check_classes

_STEPS = 500


def mixture_weights(probabilities: Tensor, y: Tensor) -> Tensor:
    r"""Returns the weights of models whose weighted mean gives the true classes the largest likelihood.

    .. math::
        \max_{w} \sum_n \log \sum_m w_m \, p_m(y_n), \qquad w_m \ge 0, \quad \sum_m w_m = 1

    The function is concave; the weights come from expectation maximization, which begins with equal ones.

    Args:
        probabilities: Probabilities of the classes by each model, for items that none of them was trained on.
        y: True classes, int64.

    Shapes:
        - **input:** ``probabilities`` ``[M, B, C]``, ``y`` ``[B]``.
        - **output:** ``[M]`` float64.

    Raises:
        ValueError: If the shapes do not fit, there is no item, a class is out of range, or a probability is not one.
    """
    if probabilities.dim() != 3 or not probabilities.size(0):
        raise InputError(f"`probabilities` must be [M, B, C] with at least one model (got {list(probabilities.shape)})")
    check_classes(probabilities[0], y)
    if not bool(((probabilities >= 0) & (probabilities.isfinite())).all()):
        raise InputError("`probabilities` must be finite and not negative; leave out models that diverged")
    likelihood = probabilities.double().gather(2, y.view(1, -1, 1).expand(probabilities.size(0), -1, 1)).squeeze(2)
    likelihood = likelihood.clamp(min=1e-12)  # an item that no model allows for says nothing about the weights
    weights = torch.full(
        (likelihood.size(0), 1), 1.0 / likelihood.size(0), dtype=torch.float64, device=likelihood.device
    )
    for _ in range(_STEPS):
        share = weights * likelihood
        weights = (share / share.sum(dim=0)).mean(dim=1, keepdim=True)
    return weights.flatten()
