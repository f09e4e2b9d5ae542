import re

import pytest
import torch
from torch import Tensor

from graphkit.skeleton import get_layout
from graphkit.skeleton.augment import augmentation_names, build_augmentation

LAYOUT = get_layout("coco-17")
LENGTHS = torch.tensor([6, 1, 9])


def clips(channels: int = 3) -> Tensor:
    return torch.randn(16, 2, 17, channels, generator=torch.Generator().manual_seed(5))


def run(items: list, channels: int = 3, coordinates: int = 3, seed: int = 0) -> tuple[Tensor, Tensor]:
    augment = build_augmentation(items, LAYOUT, coordinates)
    return augment(clips(channels), LENGTHS, torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("name", augmentation_names())
def test_the_seed_decides_and_frames_belong_to_clips(name: str) -> None:
    x, lengths = run([name])
    assert x.shape[1:] == (2, 17, 3) and int(lengths.sum()) == x.size(0) and int(lengths.min()) >= 1
    again, _ = run([name])
    others = [run([name], seed=seed)[0] for seed in (1, 2, 3)]
    assert torch.equal(x, again) and any(not torch.equal(x, other) for other in others)


@pytest.mark.parametrize(("channels", "coordinates"), [(3, 3), (2, 2), (3, 2)])
def test_each_clip_is_multiplied_by_one_matrix(channels: int, coordinates: int) -> None:
    before = clips(channels)
    for item, check in (({"rotate": 90}, "rotation"), ({"scale": 0.5}, "diagonal"), ({"shear": 0.5}, "unit diagonal")):
        after, lengths = run([item], channels, coordinates)
        assert torch.equal(lengths, LENGTHS) and torch.equal(after[..., coordinates:], before[..., coordinates:])
        for a, b in zip(before.split(LENGTHS.tolist()), after.split(LENGTHS.tolist()), strict=True):
            a, b = a[..., :coordinates].flatten(0, 2), b[..., :coordinates].flatten(0, 2)
            matrix = torch.linalg.lstsq(a, b).solution
            torch.testing.assert_close(a @ matrix, b, atol=1e-4, rtol=1e-4)
            if check == "rotation":
                torch.testing.assert_close(matrix @ matrix.t(), torch.eye(coordinates), atol=1e-4, rtol=0)
                assert float(torch.det(matrix)) == pytest.approx(1, abs=1e-4)
            diagonal = matrix.diagonal()
            if check == "diagonal":
                torch.testing.assert_close(matrix, diagonal.diag(), atol=1e-4, rtol=0)
                assert float(diagonal.min()) >= 0.5 and float(diagonal.max()) <= 1.5
            if check == "unit diagonal":
                torch.testing.assert_close(diagonal, torch.ones(coordinates), atol=1e-4, rtol=0)


def test_a_crop_is_a_stretch_of_the_clip() -> None:
    time = torch.cat([torch.arange(float(n)) for n in LENGTHS.tolist()]).view(-1, 1, 1, 1).expand(-1, 2, 17, 1) + 1
    crop = build_augmentation([{"crop": {"share": 0.5, "frames": 4}}], LAYOUT, 1)
    x, lengths = crop(time, LENGTHS, torch.Generator().manual_seed(0))
    assert lengths.tolist() == [4, 4, 4]
    for clip, length in zip(x[:, 0, 0, 0].split(4), LENGTHS.tolist(), strict=True):
        step = clip.diff()
        torch.testing.assert_close(step, step[:1].expand(3), atol=1e-5, rtol=0)
        assert float(clip[0]) >= 1 and float(clip[-1]) <= length + 1e-5
        assert (length - 1) / 2 - 1e-5 <= float(clip[-1] - clip[0])
    free, numbers = run([{"crop": {"share": 1.0, "speed": 2.0}}])
    assert 3 <= int(numbers[0]) <= 12 and free.size(0) == int(numbers.sum())


def test_a_mirror_turns_x_and_swaps_sides() -> None:
    x, _ = run([{"mirror": 1.0}])
    before = clips()
    torch.testing.assert_close(x[:, :, 5], before[:, :, 6] * torch.tensor([-1.0, 1, 1]))
    torch.testing.assert_close(x[:, :, 0], before[:, :, 0] * torch.tensor([-1.0, 1, 1]))
    assert torch.equal(run([{"mirror": 0.0}])[0], before)


def test_dropped_joints_are_gone_in_the_whole_clip_and_first_frames_stay() -> None:
    x, _ = run([{"drop-joints": 0.5}])
    for clip, before in zip(x.split(LENGTHS.tolist()), clips().split(LENGTHS.tolist()), strict=True):
        gone = (clip == 0).all(dim=-1).all(dim=1).all(dim=0)
        assert torch.equal(clip, before.masked_fill(gone[None, None, :, None], 0.0))
    assert 0 < int((x == 0).all(dim=-1).sum()) < 16 * 2 * 17
    fewer, lengths = run([{"drop-frames": 0.9}])
    starts = lengths.cumsum(0) - lengths
    assert torch.equal(fewer[starts], clips()[[0, 6, 7]]) and int(lengths.sum()) < 16


@pytest.mark.parametrize(
    ("items", "error", "message"),
    [
        (["crops"], ValueError, "unknown augmentation 'crops'; did you mean 'crop'"),
        ([{"crop": {"shares": 1}}], ValueError, "unknown option of the augmentation 'crop' 'shares'; did you"),
        ([3], TypeError, "an augmentation must be a name or one `name: value` pair (got 3)"),
        ([{"crop": 0}], ValueError, "`share` of the augmentation 'crop' must lie in (0, 1] (got 0.0)"),
        ([{"crop": {"speed": 0.5}}], ValueError, "`speed` at least 1 in the augmentation 'crop' (got 0 and 0.5)"),
        ([{"rotate": [1, 2]}], ValueError, "`degrees` of the augmentation 'rotate' must be one angle or 3 (got 2)"),
        ([{"scale": 1}], ValueError, "`factor` of the augmentation 'scale' must lie in [0, 1) (got 1.0)"),
        ([{"shear": -1}], ValueError, "`share` of the augmentation 'shear' must lie in [0, 1) (got -1.0)"),
        ([{"mirror": 2}], ValueError, "`share` of the augmentation 'mirror' must lie in [0, 1] (got 2.0)"),
        ([{"drop-joints": 1}], ValueError, "`share` of the augmentation 'drop-joints' must lie in [0, 1) (got 1.0)"),
        ([{"drop-frames": 1}], ValueError, "`share` of the augmentation 'drop-frames' must lie in [0, 1) (got 1.0)"),
    ],
)
def test_wrong_augmentations_are_refused(items: list, error: type, message: str) -> None:
    with pytest.raises(error, match=re.escape(message)):
        build_augmentation(items, LAYOUT, 3)


def test_a_mirror_needs_to_know_the_sides_and_no_augmentation_is_none() -> None:
    from graphkit.skeleton import SkeletonLayout

    with pytest.raises(ValueError, match="needs a layout with .mirrored. joints"):
        build_augmentation(["mirror"], SkeletonLayout.from_edges([(1, 0)]), 3)
    assert build_augmentation([], LAYOUT, 3) is None
