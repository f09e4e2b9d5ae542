import pytest
import torch

from graphkit.data import load

SMALL = {"num_nodes": 4_000, "num_edges": 20_000}


def test_has_the_edges_and_classes_that_it_says() -> None:
    dataset = load("sbm-200k", **SMALL)
    data, split = dataset.graphs[0], dataset.splits[0]
    row, col = data.edge_index[0], data.edge_index[1]
    assert data.num_nodes == 4_000 and data.num_edges == 40_000 and dataset.num_outputs == 20
    assert not bool((row == col).any()) and torch.unique(row * 4_000 + col).numel() == 40_000
    assert torch.equal((row * 4_000 + col).sort().values, (col * 4_000 + row).sort().values)
    assert abs(float((data.y[row] == data.y[col]).float().mean()) - (0.5 + 0.5 / 20)) < 0.02
    assert [ids.numel() for ids in vars(split).values()] == [400, 100, 500]
    assert torch.cat(list(vars(split).values())).unique().numel() == 1_000
    spread = torch.stack([data.x[data.y == label].std(dim=0).mean() for label in range(20)])
    assert abs(float(spread.mean()) - 4 / 17**0.5) < 0.02 and abs(float(data.x.std()) - 1) < 0.02
    assert not torch.equal(load("sbm-200k", **SMALL, seed=1).graphs[0].x, data.x)
    assert torch.equal(load("sbm-200k", **SMALL).graphs[0].x, data.x)


def test_classes_show_in_edges_only_as_much_as_is_asked() -> None:
    for inside, share in ((0.0, 0.25), (1.0, 1.0)):
        data = load("sbm-200k", **SMALL, inside=inside, num_classes=4, noise=0.0).graphs[0]
        same = data.y[data.edge_index[0]] == data.y[data.edge_index[1]]
        assert abs(float(same.float().mean()) - share) < 0.02
        assert torch.unique(data.x, dim=0).size(0) == 4


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"num_classes": 1}, "2 classes of 10 nodes at least \\(got 1"),
        ({"num_nodes": 100}, "2 classes of 10 nodes at least \\(got 20 for 100 nodes"),
        ({"num_edges": 0}, "`num_edges` must be from 1 to 99975"),
        ({"num_edges": 100_000}, "`num_edges` must be from 1 to 99975"),
        ({"inside": 1.5}, "`inside` must lie in \\[0, 1\\]"),
        ({"noise": -1.0}, "`noise` not be negative"),
    ],
)
def test_mistakes_are_refused(options: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        load("sbm-200k", **{**SMALL, **options})
