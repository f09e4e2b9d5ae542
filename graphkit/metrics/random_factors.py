"""Random factor coefficients, as a baseline."""

import numpy as np
import torch
from torch import Tensor


def random_factors(num_edges: int, num_factors: int, seed: int = 0) -> Tensor:
    """Draws coefficients uniformly from [0, 1), independently per edge and factor.

    They are the baseline of GED_E: since the best factor is selected in each graph, even noise scores better with more
    factors.

    Args:
        num_edges (int): Number of edges ``E``.
        num_factors (int): Number of factors ``M``.
        seed (int, optional): Seed; the global random state does not change. (default: ``0``)

    Returns:
        Coefficients ``[E, M]``.
    """
    # NumPy's generator: PyTorch's with the same seed may have generated the graphs.
    generator = np.random.default_rng(seed)
    return torch.from_numpy(generator.random((num_edges, num_factors), dtype=np.float32))
