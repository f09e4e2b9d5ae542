import pytest
import torch

from graphkit.data import load
from graphkit.ops import shortest_paths


@pytest.mark.parametrize("hops", [1, 2, 3, 6])
def test_the_nearest_node_that_many_hops_away_has_the_class(hops: int) -> None:
    data = load("path-signal", hops=hops, num_chains=40, noise=0.0, seed=1).graphs[0]
    receivers = (data.y >= 0).nonzero().view(-1)
    assert receivers.numel() == 40 and data.num_nodes == 40 * (hops + 1)
    paths, costs = shortest_paths(data.edge_index, data.edge_length, hops, num_nodes=data.num_nodes)
    senders = []
    for node in receivers.tolist():
        path_ids = (paths[-1][-1] == node).nonzero().view(-1)
        nearest = path_ids[costs[-1][path_ids].argmin()]
        assert costs[-1][nearest] < 1  # along the chain only
        senders.append(int(paths[-1][0, nearest]))
        assert not data.x[paths[-1][1:, nearest]].any()  # nobody between knows the class
    x, y = data.x[torch.tensor(senders)], data.y[receivers]
    assert len(set(senders)) == 40 and torch.equal(torch.bincount(y), torch.full((4,), 10))
    assert torch.equal((x[:, None] == x).all(dim=-1), y[:, None] == y)  # senders of a class, and only they, look alike


def test_edges_go_both_ways_once_with_one_length() -> None:
    data = load("path-signal", hops=2, num_chains=60, crossings=6.0).graphs[0]
    row, col = data.edge_index[0], data.edge_index[1]
    dense = torch.zeros(data.num_nodes, data.num_nodes).index_put((row, col), data.edge_length, accumulate=True)
    assert torch.equal(dense, dense.t()) and torch.equal(dense[row, col], data.edge_length)
    short = data.edge_length < 0.5
    assert int(short.sum()) == 2 * 2 * 60 and data.edge_length[~short].min() >= 1
    assert (row != col).all() and data.num_edges / data.num_nodes == pytest.approx(6 + 2 * 2 / 3, rel=0.05)


def test_only_labeled_nodes_are_split_and_the_seed_decides_all() -> None:
    first, again, other = (load("path-signal", num_chains=40, seed=seed) for seed in (3, 3, 4))
    split = first.splits[0]
    items = torch.cat([split.train, split.val, split.test])
    assert items.numel() == 40 and (first.graphs[0].y[items] >= 0).all()
    assert torch.equal(first.graphs[0].x, again.graphs[0].x)
    assert torch.equal(first.graphs[0].edge_length, again.graphs[0].edge_length)
    assert not torch.equal(first.graphs[0].x, other.graphs[0].x)


def test_lengths_reach_the_paths_of_a_transform() -> None:
    transform = {"shortest-paths": {"max_hops": 3, "ratio": 0.1, "weight": "edge_length"}}
    data = load("path-signal", hops=3, num_chains=40, transforms=["self-loops", transform]).graphs[0]
    receivers = (data.y >= 0).nonzero().view(-1)
    paths = data.path_index_3[:, torch.isin(data.path_index_3[-1], receivers)]
    away = paths[:, paths[0] != paths[-1]]
    assert away.size(1) == 40  # one path each, and none of those by crossing edges
    assert not torch.isin(away[0], receivers).any()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"hops": 7}, "`hops` must be from 1 to 6 .got 7."),
        ({"hops": 0}, "`hops` must be from 1 to 6 .got 0."),
        ({"num_chains": 19}, "at least 2 classes, of 5 chains each .got 19 chains of 4 classes."),
        ({"crossings": -1.0}, "must not be negative .got -1.0 and 0.5."),
    ],
)
def test_what_cannot_be_drawn_is_refused(options: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        load("path-signal", **options)
