"""A worked example of local structure: small graphs, and the loss by loops over nodes in plain Python."""

import math
from collections.abc import Callable, Sequence

import torch

DOUBLE = torch.float64
EDGES = torch.tensor([[1, 2, 0, 2, 3, 0, 1, 1, 2], [0, 0, 1, 1, 1, 2, 2, 3, 3]])
TEACHER = torch.tensor([[0, 0, 1], [1, 0, 0], [0, 2, 0], [1, 1, 1]], dtype=DOUBLE)
STUDENT = torch.tensor([[0, 1], [1, 0], [0.5, 0.5], [2, -1]], dtype=DOUBLE)

#: Points on a line whose nearest neighbors differ, and the graphs of these.
LINE = {
    "teacher": torch.tensor([[0.0], [1], [3], [7]], dtype=DOUBLE),
    "student": torch.tensor([[0.0], [5], [1], [5.5]], dtype=DOUBLE),
    "teacher_edges": torch.tensor([[0, 1, 1, 2], [1, 0, 2, 3]]),
    "student_edges": torch.tensor([[2, 0, 3, 1], [0, 2, 1, 3]]),
}
LINE_LOSS = {"student_teacher": 0.146931492, "teacher_student": 0.150993744}

#: Options of the loss, and its value for both directions.
LOSS = {
    "euclidean": ({"kernel": "euclidean"}, 0.997799158, 0.851234099),
    "linear": ({"kernel": "linear"}, 0.187356000, 0.204887794),
    "poly": ({"kernel": "poly", "c": 0.0, "degree": 2}, 0.818410424, 1.030131745),
    "rbf": ({"kernel": "rbf", "sigma": 1.0}, 0.029511052, 0.028665118),
    "l1exp": ({"kernel": "l1exp", "scale": 100.0}, 2.26977e-5, 2.26745e-5),
}
RBF_TEACHER = [0.570966, 0.429034, 0.363449, 0.273102, 0.363449, 0.5, 0.5, 0.536124, 0.463876]

Row = Sequence[float]
KERNELS: dict[str, Callable[[Row, Row], float]] = {
    "euclidean": lambda a, b: sum((x - y) ** 2 for x, y in zip(a, b, strict=True)),
    "linear": lambda a, b: sum(x * y for x, y in zip(a, b, strict=True)),
    "poly": lambda a, b: sum(x * y for x, y in zip(a, b, strict=True)) ** 2,
    "rbf": lambda a, b: math.exp(-sum((x - y) ** 2 for x, y in zip(a, b, strict=True)) / 2),
    "l1exp": lambda a, b: math.exp(-sum(abs(x - y) for x, y in zip(a, b, strict=True)) / 100),
}


def structure_by_loops(z: torch.Tensor, edges: torch.Tensor, kernel: str) -> list[float]:
    """The softmax of the similarities over the in-edges of every node."""
    rows, (source, target) = z.tolist(), edges.tolist()
    raw = [math.exp(KERNELS[kernel](rows[j], rows[i])) for j, i in zip(source, target, strict=True)]
    return [value / sum(v for v, k in zip(raw, target, strict=True) if k == i)
            for value, i in zip(raw, target, strict=True)]  # fmt: skip


def loss_by_loops(p_of: torch.Tensor, q_of: torch.Tensor, edges: torch.Tensor, kernel: str) -> float:
    """KL(p || q), averaged over the nodes."""
    p, q = (structure_by_loops(z, edges, kernel) for z in (p_of, q_of))
    return sum(a * math.log(a / b) for a, b in zip(p, q, strict=True)) / p_of.size(0)


def rows_per_edge(student: torch.Tensor, teacher: torch.Tensor, edges: torch.Tensor) -> torch.Tensor:
    """The RBF loss with a row of differences for every edge, by PyG's softmax."""
    from torch_geometric.utils import scatter, softmax

    def structure(z: torch.Tensor) -> torch.Tensor:
        gap = z[edges[0]] - z[edges[1]]
        return softmax(torch.exp(-gap.square().sum(dim=1) / 2), edges[1], num_nodes=z.size(0))

    s, t = structure(student), structure(teacher)
    return scatter(s * (s.log() - t.log()), edges[1], dim=0, dim_size=student.size(0), reduce="sum").mean()
