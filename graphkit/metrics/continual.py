"""What a performance matrix says about learning one task after the other: pure functions of the matrix.

Entry ``[i, j]`` of the matrix ``[T, T]`` is the score on task ``j`` after task ``i`` was learned, NaN where it is not
known. Scores are better the larger they are.
"""

from torch import Tensor

from graphkit.errors import InputError


def average_performance(matrix: Tensor) -> float:
    r"""Returns AP, the mean score over all tasks at the end: :math:`\frac1T \sum_j M_{T,j}`."""
    return float(_checked(matrix)[-1].mean())


def average_forgetting(matrix: Tensor) -> float:
    r"""Returns AF with its sign: :math:`\frac{1}{T-1} \sum_{j<T} (M_{T,j} - M_{j,j})`, negative where tasks were
    forgotten; NaN for a single task.

    Differences:
        Some tables print the magnitude, and some divide by :math:`T`: multiply by -1, or by :math:`(T - 1) / T`.
    """
    matrix = _checked(matrix)
    return float((matrix[-1] - matrix.diagonal())[:-1].mean())


def forgetting(matrix: Tensor) -> float:
    """Returns how much was forgotten, the negative of :func:`average_forgetting`: the larger, the worse."""
    return -average_forgetting(matrix)


def learning_accuracy(matrix: Tensor) -> float:
    r"""Returns the mean score of each task right after it was learned: :math:`\frac1T \sum_j M_{j,j}`.

    Forgetting alone rewards a model that is too stiff to learn anything; this shows it.
    """
    return float(_checked(matrix).diagonal().mean())


def forward_transfer(matrix: Tensor, untrained: Tensor) -> float:
    r"""Returns what earlier tasks do for a task before it is learned:
    :math:`\frac{1}{T-1} \sum_{j>1} (M_{j-1,j} - u_j)`.

    Args:
        matrix: ``[T, T]``.
        untrained: ``[T]``, the scores :math:`u` of the model before the first task.
    """
    matrix = _checked(matrix)
    return float((matrix.diagonal(1) - untrained.to(matrix.dtype)[1:]).mean())


def _checked(matrix: Tensor) -> Tensor:
    """Returns the matrix in double precision.

    Raises:
        ValueError: If it is not square.
    """
    if matrix.dim() != 2 or matrix.size(0) != matrix.size(1) or not matrix.numel():
        raise InputError(f"a performance matrix must be square, one row per task (got {tuple(matrix.shape)})")
    return matrix.double()
