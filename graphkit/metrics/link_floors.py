"""Scores of pairs of nodes from common neighbors, degrees, paths and features."""

import numpy as np
import scipy
import torch
from torch import Tensor
from torch_geometric.data import Data

from graphkit.data.edges import plain_edge_index
from graphkit.data.non_edges import adjacency

#: Factor of the Katz score per edge of a path.
KATZ = 0.05
#: Largest number of entries of the sparse rows that are multiplied at once.
_ENTRIES = 2**24


def link_heuristics(data: Data, pairs: Tensor) -> dict[str, Tensor]:
    r"""Computes untrained scores of pairs of nodes, from edges and features.

    With the adjacency matrix :math:`A` and the degrees :math:`d`, the score of :math:`(u, v)` is

    * ``"common-neighbors"``: :math:`(A^2)_{uv}`;
    * ``"adamic-adar"``: :math:`\sum_w A_{uw} A_{wv} / \log d_w`;
    * ``"preferential-attachment"``: :math:`d_u d_v`, of the out- and the in-degree;
    * ``"katz"``: :math:`\sum_{l=2}^4 0.05^l (A^l)_{uv}`, the paths of up to four edges;
    * ``"feature-cosine"``: the cosine similarity of the features, without edges.

    Weights and parallel edges are not used.

    Args:
        data (Data): The graph.
        pairs (Tensor): ``[2, P]``, pairs.

    Example:
        >>> data = Data(x=torch.eye(3), edge_index=torch.tensor([[0, 1, 1, 2], [1, 0, 2, 1]]))
        >>> link_heuristics(data, torch.tensor([[0], [2]]))["common-neighbors"]
        tensor([1.], dtype=torch.float64)
    """
    num_nodes = int(data.num_nodes or 0)
    out = adjacency(plain_edge_index(data.edge_index), num_nodes)
    into = out.T.tocsr()
    out_degree, in_degree = np.diff(out.indptr), np.diff(into.indptr)
    degree = (out + into).astype(bool).sum(axis=1)
    weight = 1 / np.log(np.maximum(degree, 2))
    source, target = pairs.numpy()
    scores = {name: np.zeros(source.size) for name in ("common-neighbors", "adamic-adar")}
    scores["preferential-attachment"] = out_degree[source] * in_degree[target].astype(float)
    scores["katz"] = np.zeros(source.size)
    most = np.maximum(_two_steps(out, out_degree), _two_steps(into, in_degree))
    size = most[source] + most[target] + 1
    for rows in np.split(np.arange(source.size), _cuts(size)):
        first, last = out[source[rows]], into[target[rows]]
        common = first.multiply(last)
        scores["common-neighbors"][rows] = common.sum(axis=1)
        scores["adamic-adar"][rows] = common @ weight
        first_two, last_two = first @ out, last @ into
        three, four = first_two.multiply(last).sum(axis=1), first_two.multiply(last_two).sum(axis=1)
        scores["katz"][rows] = KATZ**2 * scores["common-neighbors"][rows] + KATZ**3 * three + KATZ**4 * four
    result = {name: torch.from_numpy(values) for name, values in scores.items()}
    cosine = _cosine(data.get("x"), pairs)
    return result if cosine is None else {**result, "feature-cosine": cosine}


def _two_steps(edges: "scipy.sparse.csr_array", degree: np.ndarray) -> np.ndarray:
    """Returns bounds of the numbers of nodes within two steps."""
    return np.minimum(edges @ degree.astype(float), edges.shape[0])


def _cuts(size: np.ndarray) -> np.ndarray:
    """Returns the positions between blocks of rows of limited total size."""
    block = np.cumsum(size) // _ENTRIES
    return np.flatnonzero(np.diff(block)) + 1


def _cosine(x: Tensor | None, pairs: Tensor) -> Tensor | None:
    """Returns the cosine of the features ``[N, F]``; ``None`` if equal for all pairs."""
    if x is None or not x.is_floating_point():
        return None
    if x.layout == torch.sparse_csr:
        parts = (x.values().float().numpy(), x.col_indices().numpy(), x.crow_indices().numpy())
        matrix = scipy.sparse.csr_array(parts, shape=(x.size(0), x.size(1)))
    else:
        matrix = scipy.sparse.csr_array((x if x.layout == torch.strided else x.to_dense()).float().numpy())
    norm = np.maximum(np.sqrt(matrix.multiply(matrix).sum(axis=1)), 1e-12)
    source, target = pairs.numpy()
    result = np.empty(source.size)
    size = np.diff(matrix.indptr)
    for block in np.split(np.arange(source.size), _cuts(size[source] + size[target] + 1)):
        one, other = source[block], target[block]
        result[block] = matrix[one].multiply(matrix[other]).sum(axis=1) / (norm[one] * norm[other])
    return torch.from_numpy(result) if bool((result != result[:1]).any()) else None
