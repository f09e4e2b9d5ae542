"""Factors that know nothing, to be compared with."""

import numpy as np
import torch
from torch import Tensor


def random_factors(num_edges: int, num_factors: int, seed: int = 0) -> Tensor:
    r"""Returns coefficients drawn uniformly from [0, 1), for every edge and factor by themselves.

    They give the row that GED_E has to be read against: since the best of the factors is taken in each graph, noise
    alone scores better the more factors there are.

    Args:
        num_edges: Number of edges ``E``.
        num_factors: Number of factors ``M``.
        seed: Seed of the drawing; the global random state is left alone.

    Shapes:
        - **output:** ``[E, M]``.
    """
    # A stream of NumPy's: one of PyTorch's with the same seed may have drawn the graphs themselves.
    generator = np.random.default_rng(seed)
    return torch.from_numpy(generator.random((num_edges, num_factors), dtype=np.float32))
