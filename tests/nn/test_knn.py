import pytest
import torch

from graphkit.nn import knn_graph


def by_hand(x: torch.Tensor, k: int, batch: torch.Tensor, loop: bool) -> set[tuple[int, int]]:
    """All distances in float64, then a sort."""
    distance = torch.cdist(x.double(), x.double(), compute_mode="donot_use_mm_for_euclid_dist")
    edges = set()
    for i in range(x.size(0)):
        others = [j for j in range(x.size(0)) if batch[j] == batch[i] and (loop or j != i)]
        edges |= {(j, i) for j in sorted(others, key=lambda j: float(distance[i, j]))[:k]}
    return edges


@pytest.mark.parametrize("sizes", [(40,), (12, 12, 12), (5, 1, 17, 3), (1,)])
@pytest.mark.parametrize("loop", [False, True])
@pytest.mark.parametrize("block", [2**22, 30])
def test_the_same_as_all_distances(sizes, loop, block, monkeypatch):
    monkeypatch.setattr("graphkit.nn.knn._BLOCK", block)
    torch.manual_seed(0)
    batch = torch.repeat_interleave(torch.arange(len(sizes)), torch.tensor(sizes))
    x = torch.randn(sum(sizes), 3) + 1000  # far from the origin
    edges = knn_graph(x, 4, batch, loop)
    edges.validate()  # sorted by target, as it says
    row, col = edges.as_tensor().tolist()
    assert set(zip(row, col, strict=True)) == by_hand(x, 4, batch, loop)
    assert len(row) == sum(size * min(4, size if loop else size - 1) for size in sizes)


def test_near_ones_come_first_and_one_cloud_needs_no_batch():
    x = torch.tensor([[0.0], [1.0], [3.0], [7.0]])
    assert knn_graph(x, 2).as_tensor().tolist() == [[1, 2, 0, 2, 1, 0, 2, 1], [0, 0, 1, 1, 2, 2, 3, 3]]
    assert knn_graph(torch.empty(0, 3), 2).shape == (2, 0)


def test_memory_does_not_grow_with_the_square(monkeypatch):
    largest = []
    real = torch.baddbmm
    monkeypatch.setattr(torch, "baddbmm", lambda *a, **k: largest.append(real(*a, **k).numel()) or real(*a, **k))
    monkeypatch.setattr("graphkit.nn.knn._BLOCK", 2**14)
    knn_graph(torch.rand(1000, 3), 3)
    assert len(largest) > 1 and max(largest) <= 2**14


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((torch.rand(4), 2), r"`x` must be a float tensor \[N, D\]"),
        ((torch.rand(4, 2), 0), "`k` must be a whole number of at least 1"),
        ((torch.tensor([[float("nan")]]), 1), "must be finite"),
        ((torch.rand(4, 2), 1, torch.tensor([0, 1])), "the cloud of each of the 4 points"),
        ((torch.rand(3, 2), 1, torch.tensor([0, 1, 0])), "rising order"),
    ],
)
def test_mistakes(arguments, message):
    with pytest.raises(ValueError, match=message):
        knn_graph(*arguments)


@pytest.mark.parametrize("loop", [False, True])
def test_neighbors_in_far_apart_groups_are_the_nearest_ones(loop: bool) -> None:
    torch.manual_seed(0)
    x = torch.cat([torch.randn(50, 3), torch.randn(50, 3) + 3000])  # squares of 3000 leave no digit for differences
    distance = torch.cdist(x.double(), x.double(), compute_mode="donot_use_mm_for_euclid_dist")
    if not loop:
        distance.fill_diagonal_(torch.inf)
    neighbors = knn_graph(x, 5, loop=loop).as_tensor()[0].view(100, 5)
    assert torch.equal(neighbors, distance.topk(5, largest=False).indices)
