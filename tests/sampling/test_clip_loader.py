import pytest
import torch
from torch import Tensor

from graphkit.data import ClipCollection
from graphkit.sampling import ClipLoader
from graphkit.skeleton import SkeletonLayout

LENGTHS = torch.arange(1, 10)


def clips() -> ClipCollection:
    layout = SkeletonLayout.from_edges([(1, 0)])
    x = torch.arange(45.0).view(-1, 1, 1, 1).expand(45, 1, 2, 1).clone()
    return ClipCollection(x, LENGTHS, torch.arange(9), layout)


def noise(x: Tensor, lengths: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    return x + torch.rand(lengths.numel(), generator=generator).repeat_interleave(lengths).view(-1, 1, 1, 1), lengths


def passes(workers: int, count: int = 2) -> list[Tensor]:
    generator = torch.Generator().manual_seed(0)
    loader = ClipLoader(clips(), torch.arange(9), 4, True, generator, noise, workers)
    return [torch.cat([batch.x.flatten() for batch in loader]) for _ in range(count)]


def test_every_clip_comes_once_and_none_is_left_alone() -> None:
    batches = list(ClipLoader(clips(), torch.arange(9), 4))
    assert [batch.y.tolist() for batch in batches] == [[0, 1, 2, 3], [4, 5, 6, 7, 8]]
    assert all(torch.equal(batch.lengths, batch.y + 1) for batch in batches)


def test_passes_differ_and_repeat_with_the_seed() -> None:
    first, second = passes(0)
    assert not torch.equal(first, second)
    assert all(torch.equal(a, b) for a, b in zip(passes(0), (first, second), strict=True))


@pytest.mark.parametrize("workers", [1, 2])
def test_workers_make_the_same_batches_and_none_repeats_another(workers: int) -> None:
    made = passes(workers)
    assert all(torch.equal(a, b) for a, b in zip(made, passes(0), strict=True))
    shifts = torch.unique((made[0] - made[0].floor()).round(decimals=4))
    assert shifts.numel() == 9  # a random number of its own for each clip
