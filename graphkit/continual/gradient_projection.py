"""Gradients that do not hurt old tasks: the duals of GEM and A-GEM."""

import numpy as np
import torch
from scipy.optimize import nnls
from torch import Tensor

from graphkit.errors import InputError


def project_gradient(gradient: Tensor, memory: Tensor, margin: float = 0.0, ridge: float = 0.0) -> Tensor:
    r"""Returns the gradient that GEM puts in the place of one which would raise the loss of an old task.

    With the gradients of the old tasks in the rows of :math:`\mathbf{G}`, this is
    :math:`\mathbf{g} + \mathbf{G}^{\top} \mathbf{v}`, where :math:`\mathbf{v}` solves

    .. math::
        \min_{\mathbf{v} \ge m} \; \tfrac12 \mathbf{v}^{\top} (\mathbf{G}\mathbf{G}^{\top} + \epsilon \mathbf{I})
        \mathbf{v} + (\mathbf{G} \mathbf{g})^{\top} \mathbf{v}

    For :math:`m = \epsilon = 0` it is the vector nearest to :math:`\mathbf{g}` that has no negative product with any
    row. The problem is one of non-negative least squares in :math:`\mathbf{v} - m`, which has a solution for any
    :math:`\mathbf{G}`: gradients that repeat, vanish or outnumber the parameters do no harm.

    Args:
        gradient: ``[P]``.
        memory: ``[K, P]``.
        margin: :math:`m`: how much of every old gradient is added, needed or not, once any is hurt.
        ridge: :math:`\epsilon`. Above zero, products may be negative by :math:`\epsilon \mathbf{v}`.

    Returns:
        ``[P]``; the gradient itself if it hurts no old task.

    Reference:
        Lopez-Paz and Ranzato, *Gradient Episodic Memory for Continual Learning*, NeurIPS 2017.
    """
    if margin < 0 or ridge < 0:
        raise InputError(f"`margin` and `ridge` must not be negative (got {margin} and {ridge})")
    g, rows = gradient.detach().double(), memory.detach().double()
    if not rows.numel() or bool((rows @ g >= 0).all()):
        return gradient
    count = rows.size(0)
    scale = max(float(rows.norm(dim=1).max()), 1e-300)  # so that least squares sees numbers around one
    rows = rows / scale
    start = g + margin * scale * rows.sum(dim=0)
    lasting = torch.eye(count, dtype=rows.dtype, device=rows.device) * (ridge**0.5 / scale)
    columns = torch.cat([rows.t(), lasting])
    target = -torch.cat([start, margin * scale * lasting.sum(dim=0)])
    size = max(float(target.abs().max()), 1e-300)
    # All that least squares needs of vectors as long as the parameters lies in the K + 1 dimensions they span.
    triangle = torch.linalg.qr(torch.cat([columns, target[:, None] / size], dim=1), mode="r").R.cpu().numpy()
    v = torch.from_numpy(_nonnegative_least_squares(triangle[:, :-1], triangle[:, -1])).to(rows)
    return (start + size * (rows.t() @ v)).to(gradient.dtype)


def project_on_reference(gradient: Tensor, reference: Tensor) -> Tensor:
    r"""Returns A-GEM's gradient :math:`\mathbf{g} - \frac{\mathbf{g}^{\top} \mathbf{r}}{\mathbf{r}^{\top} \mathbf{r}}
    \mathbf{r}`, or :math:`\mathbf{g}` itself if its product with :math:`\mathbf{r}` is not negative.

    Args:
        gradient: ``[P]``.
        reference: ``[P]``, the gradient of old tasks together.

    Reference:
        Chaudhry, Ranzato, Rohrbach and Elhoseiny, *Efficient Lifelong Learning with A-GEM*, ICLR 2019.
    """
    g, r = gradient.detach().double(), reference.detach().double()
    product, square = torch.dot(g, r), torch.dot(r, r)
    if not (bool(product < 0) and bool(square > 0)):
        return gradient
    return (g - product / square * r).to(gradient.dtype)


def _nonnegative_least_squares(matrix: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Minimises ``|matrix @ v - target|`` over ``v >= 0``; where SciPy gives up, by descent on one entry at a time."""
    try:
        return nnls(matrix, target, maxiter=max(100, 30 * matrix.shape[1]))[0]
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
