"""Continual learning metrics: functions of the performance matrix.

Entry ``[i, j]`` of the performance matrix ``[T, T]`` is the score on task ``j`` after training on task ``i``, NaN if
not evaluated. Larger scores are better.
"""

from torch import Tensor

from graphkit.errors import InputError


def average_performance(matrix: Tensor) -> float:
    r"""Computes the average performance AP, :math:`\frac1T \sum_j M_{T,j}`.

    Args:
        matrix (Tensor): ``[T, T]``, performance matrix.

    Raises:
        InputError: If the matrix is not square.

    Example:
        >>> import torch
        >>> average_performance(torch.tensor([[0.75, 0.0], [0.5, 1.0]]))
        0.75
    """
    return float(_checked(matrix)[-1].mean())


def average_forgetting(matrix: Tensor) -> float:
    r"""Computes the average forgetting AF, with its sign.

    .. math::
        \mathrm{AF} = \frac{1}{T-1} \sum_{j<T} (M_{T,j} - M_{j,j})

    Args:
        matrix (Tensor): ``[T, T]``, performance matrix.

    Returns:
        The average forgetting, negative if scores dropped; NaN for a single task.

    Raises:
        InputError: If the matrix is not square.

    Differences:
        Some publications report the magnitude, others divide by :math:`T`: multiply by -1, or by :math:`(T - 1) / T`.

    Example:
        >>> import torch
        >>> average_forgetting(torch.tensor([[0.75, 0.0], [0.5, 1.0]]))
        -0.25
    """
    matrix = _checked(matrix)
    return float((matrix[-1] - matrix.diagonal())[:-1].mean())


def forgetting(matrix: Tensor) -> float:
    """Computes the negative of :func:`average_forgetting`: larger is worse."""
    return -average_forgetting(matrix)


def learning_accuracy(matrix: Tensor) -> float:
    r"""Computes the learning accuracy, :math:`\frac1T \sum_j M_{j,j}`.

    This is the mean score of each task directly after training on it. Low forgetting together with a low learning
    accuracy indicates a model with too little plasticity.

    Args:
        matrix (Tensor): ``[T, T]``, performance matrix.

    Raises:
        InputError: If the matrix is not square.
    """
    return float(_checked(matrix).diagonal().mean())


def forward_transfer(matrix: Tensor, untrained: Tensor) -> float:
    r"""Computes the forward transfer.

    .. math::
        \frac{1}{T-1} \sum_{j>1} (M_{j-1,j} - u_j)

    Args:
        matrix (Tensor): ``[T, T]``, performance matrix.
        untrained (Tensor): ``[T]``, scores :math:`u` of the untrained model.

    Raises:
        InputError: If the matrix is not square.
    """
    matrix = _checked(matrix)
    return float((matrix.diagonal(1) - untrained.to(matrix.dtype)[1:]).mean())


def _checked(matrix: Tensor) -> Tensor:
    """Returns a square matrix in double precision."""
    if matrix.dim() != 2 or matrix.size(0) != matrix.size(1) or not matrix.numel():
        raise InputError(f"a performance matrix must be square, one row per task (got {tuple(matrix.shape)})")
    return matrix.double()
