import pytest
import torch

from graphkit.data import load


def test_form_of_ppi_and_labels_from_communities() -> None:
    data = load("sbm-multilabel", size=200, noise=0.0, flips=0.0, seed=1)
    assert len(data.graphs) == 24 and repr(data.splits[0]) == "Split(20 train, 2 val, 2 test)"
    x = torch.cat([graph.x for graph in data.graphs])
    y = torch.cat([graph.y for graph in data.graphs])
    assert x.shape == (4800, 50) and y.shape == (4800, 121) and y.unique().tolist() == [0, 1]
    assert 0.2 < y.mean() < 0.35  # with one to three communities, each with a label at 0.15: .24 on average
    assert y.any(dim=0).all()  # nobody is without people
    # Without noise, nodes of the same communities have the same features, and the same labels in all graphs.
    _, kind = x.double().round(decimals=4).unique(dim=0, return_inverse=True)
    count, total = torch.bincount(kind), torch.zeros(int(kind.max()) + 1, 121).index_add_(0, kind, y)
    assert torch.equal(total[kind], y * count[kind, None]) and kind.max() > 100


def test_neighbors_share_labels_and_edges_go_both_ways_once() -> None:
    def likeness(inside: float) -> float:
        graph = load("sbm-multilabel", size=400, inside=inside, seed=0).graphs[0]
        row, col = graph.edge_index.as_tensor()
        dense = torch.zeros(400, 400).index_put((row, col), torch.ones(row.numel()), accumulate=True)
        assert torch.equal(dense, dense.t()) and dense.max() == 1 and not dense.diagonal().any()
        assert 16 * 0.7 < row.numel() / 400 < 16.5  # some are drawn twice, the more the more lie inside
        return float((graph.y[row] == graph.y[col]).float().mean())

    assert likeness(0.9) > likeness(0.3) + 0.05


def test_the_seed_decides_all() -> None:
    first, again, other = (load("sbm-multilabel", size=64, seed=seed).graphs[3] for seed in (3, 3, 4))
    assert torch.equal(first.x, again.x) and torch.equal(first.edge_index, again.edge_index)
    assert torch.equal(first.y, again.y) and not torch.equal(first.x, other.x)


@pytest.mark.parametrize(
    ("option", "message"),
    [({"size": 20}, "at least 50 nodes"), ({"degree": 110.0}, "degree above 0"), ({"inside": 2.0}, "from 0 to 1")],
)
def test_mistakes(option: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        load("sbm-multilabel", **option)
