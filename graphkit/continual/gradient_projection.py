"""Gradient projections of GEM and A-GEM."""

import numpy as np
import scipy
import torch
from torch import Tensor

from graphkit.errors import InputError


def project_gradient(gradient: Tensor, memory: Tensor, margin: float = 0.0, ridge: float = 0.0) -> Tensor:
    r"""Returns the gradient projection of gradient episodic memory (GEM).

    If the product of the gradient :math:`\mathbf{g}` with the gradient of an old task, a row of :math:`\mathbf{G}`, is
    negative, this is :math:`\mathbf{g} + \mathbf{G}^{\top} \mathbf{v}`, where :math:`\mathbf{v}` solves

    .. math::
        \min_{\mathbf{v} \ge m} \; \tfrac12 \mathbf{v}^{\top} (\mathbf{G}\mathbf{G}^{\top} + \epsilon \mathbf{I})
        \mathbf{v} + (\mathbf{G} \mathbf{g})^{\top} \mathbf{v}

    For :math:`m = \epsilon = 0` it is the vector nearest to :math:`\mathbf{g}` that has no negative product with any
    row. The problem is solved as non-negative least squares in :math:`\mathbf{v} - m`, which has a solution for any
    :math:`\mathbf{G}`, including linearly dependent rows.

    Args:
        gradient (Tensor): Gradient :math:`\mathbf{g}` ``[P]``.
        memory (Tensor): Gradients :math:`\mathbf{G}` ``[K, P]`` of the old tasks.
        margin (float, optional): Least coefficient :math:`m` of every old gradient in a projection.
            (default: ``0.0``)
        ridge (float, optional): Ridge term :math:`\epsilon`. If positive, products may be negative by
            :math:`\epsilon \mathbf{v}`. (default: ``0.0``)

    Returns:
        The projection ``[P]``; ``gradient`` itself if no product is negative.

    Raises:
        InputError: If ``margin`` or ``ridge`` is negative.

    Example:
        >>> project_gradient(torch.tensor([1.0, -1.0]), torch.tensor([[0.0, 1.0]]))
        tensor([1., 0.])

    Reference:
        Lopez-Paz and Ranzato, *Gradient Episodic Memory for Continual Learning*, NeurIPS 2017.
    """
    if margin < 0 or ridge < 0:
        raise InputError(f"`margin` and `ridge` must not be negative (got {margin} and {ridge})")
    g, rows = gradient.detach().double(), memory.detach().double()
    if not rows.numel() or bool((rows @ g >= 0).all()):
        return gradient
    count = rows.size(0)
    scale = max(float(rows.norm(dim=1).max()), 1e-300)  # scales the problem to numbers around one
    rows = rows / scale
    start = g + margin * scale * rows.sum(dim=0)
    lasting = torch.eye(count, dtype=rows.dtype, device=rows.device) * (ridge**0.5 / scale)
    columns = torch.cat([rows.t(), lasting])
    target = -torch.cat([start, margin * scale * lasting.sum(dim=0)])
    size = max(float(target.abs().max()), 1e-300)
    # QR reduces the problem from vectors of length P to the K + 1 dimensions that they span.
    triangle = torch.linalg.qr(torch.cat([columns, target[:, None] / size], dim=1), mode="r").R.cpu().numpy()
    v = torch.from_numpy(_nonnegative_least_squares(triangle[:, :-1], triangle[:, -1])).to(rows)
    return (start + size * (rows.t() @ v)).to(gradient.dtype)


def project_on_reference(gradient: Tensor, reference: Tensor) -> Tensor:
    r"""Returns the gradient projection of averaged gradient episodic memory (A-GEM).

    .. math::
        \mathbf{g} - \frac{\mathbf{g}^{\top} \mathbf{r}}{\mathbf{r}^{\top} \mathbf{r}} \mathbf{r}

    if :math:`\mathbf{g}^{\top} \mathbf{r}` is negative, else :math:`\mathbf{g}`.

    Args:
        gradient (Tensor): Gradient :math:`\mathbf{g}` ``[P]``.
        reference (Tensor): Mean gradient :math:`\mathbf{r}` ``[P]`` of the old tasks.

    Returns:
        The projection ``[P]``; ``gradient`` itself if the product is not negative.

    Example:
        >>> project_on_reference(torch.tensor([1.0, -1.0]), torch.tensor([0.0, 1.0]))
        tensor([1., 0.])

    Reference:
        Chaudhry, Ranzato, Rohrbach and Elhoseiny, *Efficient Lifelong Learning with A-GEM*, ICLR 2019.
    """
    g, r = gradient.detach().double(), reference.detach().double()
    product, square = torch.dot(g, r), torch.dot(r, r)
    if not (bool(product < 0) and bool(square > 0)):
        return gradient
    return (g - product / square * r).to(gradient.dtype)


def _nonnegative_least_squares(matrix: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Minimizes ``|matrix @ v - target|`` over ``v >= 0``.

    If the solver of SciPy fails, coordinate descent is used.
    """
    try:
        return scipy.optimize.nnls(matrix, target, maxiter=max(100, 30 * matrix.shape[1]))[0]
    except (RuntimeError, ValueError, np.linalg.LinAlgError):
        gram, product = matrix.T @ matrix, matrix.T @ target
        v = np.zeros(matrix.shape[1])
        for _ in range(10_000):
            before = v.copy()
            for k in np.flatnonzero(gram.diagonal() > 0):
                v[k] = max(0.0, v[k] + (product[k] - gram[k] @ v) / gram[k, k])
            if np.abs(v - before).max(initial=0.0) <= 1e-15 * max(1.0, np.abs(v).max(initial=0.0)):
                break
        return v
