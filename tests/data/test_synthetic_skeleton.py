import pytest
import torch

from graphkit.data import load
from graphkit.registry import get_layout
from graphkit.skeleton.synthetic import REST


def test_the_seed_decides_and_all_actions_come_equally_often() -> None:
    first, again = (load("synthetic-skeleton", num_clips=60, seed=3) for _ in range(2))
    other = load("synthetic-skeleton", num_clips=60, seed=4)
    assert torch.equal(first.graphs.x, again.graphs.x) and not torch.equal(first.graphs.x[:9], other.graphs.x[:9])
    assert torch.bincount(first.graphs.y).tolist() == [10] * 6
    assert (len(first.splits[0].train), len(first.splits[0].val), len(first.splits[0].test)) == (36, 12, 12)
    lengths = first.graphs.lengths
    assert 24 <= int(lengths.min()) < int(lengths.max()) <= 72


def test_bones_keep_their_lengths_and_actions_move_what_they_should() -> None:
    dataset = load("synthetic-skeleton", num_clips=60, noise=0.0, center="none")
    layout = get_layout("nw-ucla-20")
    child, parent = torch.tensor(layout.edges).t()
    rest = (REST[child] - REST[parent]).norm(dim=1)
    stiff = [bone for bone, (joint, _) in enumerate(layout.edges) if joint in (3, 5, 6, 7, 9, 10, 11, 14, 15, 18, 19)]
    traveled = {}
    for clip in dataset.graphs:
        x = clip.x[:, 0]
        name = dataset.class_names[int(clip.y)]
        traveled.setdefault(name, []).append(x.diff(dim=0).norm(dim=2).mean(dim=0))
        if name in ("walk", "wave", "jump", "kick"):
            share = (x[:, child] - x[:, parent]).norm(dim=2) / rest
            torch.testing.assert_close(share[:, stiff], share[:1, :1].expand(len(x), len(stiff)), atol=1e-3, rtol=0)
    mean = {name: torch.stack(values).mean(dim=0) for name, values in traveled.items()}
    assert int(mean["kick"].argmax()) in (15, 19) and int(mean["wave"].argmax()) in (7, 11)
    assert float(mean["wave"][:4].max()) < 1e-4 < 0.01 < float(mean["walk"][1]) and float(mean["jump"][1]) > 0.005
    assert float(mean["squat"][3]) > 0.005 > 1e-4 > float(mean["squat"][15])


def test_too_few_clips_are_refused() -> None:
    with pytest.raises(ValueError, match="`num_clips` must be at least 10, so that no part of the split is empty"):
        load("synthetic-skeleton", num_clips=9)
