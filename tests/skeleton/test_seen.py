"""Joints that were not seen: zeros, or a confidence of zero."""

import numpy as np
import pytest
import torch
from torch import Tensor

from graphkit.data import ClipCollection
from graphkit.skeleton import SkeletonLayout, align, center, fit_box, get_layout, make_stream, resample, seen
from graphkit.skeleton.augment import augmentation_names, build_augmentation
from graphkit.skeleton.bodies import select_bodies
from graphkit.skeleton.prepare import nearest_frames
from graphkit.skeleton.seen import ORIGIN, apply_seen, clear_origin, mark_root

LAYOUT = get_layout("coco-17")
LENGTHS = torch.tensor([5, 1, 7])
PTR = torch.tensor([0, 5, 6, 13])


def clips(channels: int = 3) -> Tensor:
    """Clips of two persons far from the origin, in which a third of the joints was not seen."""
    generator = torch.Generator().manual_seed(3)
    x = 5 + torch.rand(13, 2, 17, channels, generator=generator)
    return x.masked_fill(torch.rand(13, 2, 17, 1, generator=generator) < 0.3, 0.0)


def moved(x: Tensor) -> Tensor:
    return torch.where(seen(x), x + 100, 0.0)


def test_zeros_and_a_confidence_of_zero_are_unseen() -> None:
    x = torch.tensor([[0.0, 0, 0.5], [1, 0, 0], [0, 2, 0.5], [0, 0, 0]])
    assert seen(x)[:, 0].tolist() == [True, True, True, False]
    assert seen(x, 2)[:, 0].tolist() == [False, False, True, False]
    marked = apply_seen(x, torch.tensor([[True], [False], [True], [False]]), 2)
    assert marked[:, :2].tolist() == [[pytest.approx(ORIGIN), 0], [0, 0], [0, 2], [0, 0]]
    assert torch.equal(marked[:, 2], x[:, 2]) and seen(marked, 2)[:, 0].tolist() == [True, False, True, False]
    assert clear_origin(marked)[0].tolist() == [0, 0, 0.5]


@pytest.mark.parametrize("how", ["first", "each"])
@pytest.mark.parametrize("hidden", ["joint", "joint in all frames", "first person", "first frame", "nothing"])
def test_a_centerd_clip_does_not_depend_on_where_it_was(how: str, hidden: str) -> None:
    x = clips()
    if hidden != "nothing":
        frames = slice(6, 7) if hidden in ("joint", "first frame") else slice(6, 13)
        persons = 0 if hidden != "first frame" else slice(None)
        x[frames, persons, 0 if "joint" in hidden else slice(None)] = 0
    out = center(x, PTR, 0, how)
    assert torch.equal(seen(out), seen(x))
    torch.testing.assert_close(out, center(moved(x), PTR, 0, how), atol=1e-4, rtol=0)
    assert float(out[6:].abs().max()) < 3  # not where it was


def test_the_nearest_known_frame_is_one_of_the_same_clip() -> None:
    mask = torch.tensor([0, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 1, 0], dtype=torch.bool)
    assert nearest_frames(mask, PTR).tolist() == [1, 1, 1, 4, 4, 5, 11, 11, 11, 11, 11, 11, 11]


def test_alignment_takes_the_first_frame_that_shows_both_joints() -> None:
    x = clips()
    x[:, 0, :2] = torch.rand(13, 2, 3) + 1
    x[0, 0, 0] = 0  # unseen: its bone would be as long as the other joint is far
    x[5, 0, 1] = 0  # never seen in the second clip: not turned
    out = align(x, PTR, (0, 1), ())
    up = out[1, 0, 1] - out[1, 0, 0]
    torch.testing.assert_close(up, torch.stack([up.new_zeros(()), up.new_zeros(()), up.norm()]))
    assert torch.equal(out[5], x[5]) and torch.equal(seen(out), seen(x))


def test_a_box_does_not_depend_on_centring_and_leaves_unseen_joints_out() -> None:
    x = clips()
    torch.testing.assert_close(
        fit_box(center(x, PTR, 0, "first"), LENGTHS, 3), fit_box(x, LENGTHS, 3), atol=1e-4, rtol=0
    )
    assert torch.equal(seen(fit_box(x, LENGTHS, 3)), seen(x))


@pytest.mark.parametrize("stream", ["bone", "joint-motion", "bone-motion"])
def test_streams_are_zero_where_an_end_was_not_seen_and_as_ever_elsewhere(stream: str) -> None:
    x = clips()
    filled = torch.where(seen(x), x, 9.0)
    mask = seen(x)
    if stream.startswith("bone"):
        parents = [joint if parent < 0 else parent for joint, parent in enumerate(LAYOUT.parents)]
        mask = mask & mask[:, :, parents]
    if stream.endswith("motion"):
        following = [min(frame + 1, end) for frame, end in zip(range(13), [4] * 5 + [5] + [12] * 7, strict=True)]
        mask = mask & mask[following]
    out, expected = make_stream(stream, x, PTR, LAYOUT), make_stream(stream, filled, PTR, LAYOUT)
    assert torch.equal(out, expected.masked_fill(~mask, 0.0)) and not torch.equal(out, expected)


def test_a_joint_at_the_origin_is_no_unseen_one() -> None:
    """Centring puts the center joint of each frame there: its bones and its motion count all the same."""
    x = clips().clamp(min=5.001)  # all seen
    layout = SkeletonLayout.from_edges(LAYOUT.edges, 17)
    centered = ClipCollection(center(x, PTR, 0, "each"), LENGTHS, torch.zeros(3).long(), layout, stream="bone")
    torch.testing.assert_close(centered.batch([0, 1, 2]).x, make_stream("bone", x, PTR, layout), atol=1e-5, rtol=0)
    joint = ClipCollection(center(x, PTR, 0, "each"), LENGTHS, torch.zeros(3).long(), layout)
    assert not joint.batch([0, 1, 2]).x[:, 0, 0].any()  # exactly zero for the network


def test_the_confidence_of_a_last_frame_is_that_of_its_clip() -> None:
    x = torch.rand(13, 1, 17, 3)
    alone = make_stream("joint-motion", x[:5], PTR[:2], LAYOUT, 2)
    assert torch.equal(make_stream("joint-motion", x, PTR, LAYOUT, 2)[:5], alone)


@pytest.mark.parametrize("name", augmentation_names())
def test_augmentations_leave_unseen_joints_unseen(name: str) -> None:
    """A joint that is never seen in a clip stays zero whatever is done to the clip."""
    x = 5 + torch.rand(13, 2, 17, 3)
    x[:, :, [5, 6]] = 0  # a pair that changes places in a mirror
    x, _ = build_augmentation([name], LAYOUT, 3)(x, LENGTHS, torch.Generator().manual_seed(1))
    assert not x[:, :, [5, 6]].any() and seen(x)[:, :, [0, 9]].any()


def test_resampling_keeps_a_joint_that_passes_the_origin() -> None:
    x = torch.tensor([-1.0, 1.0]).view(2, 1, 1, 1)
    middle = resample(x, torch.tensor([2]), torch.tensor([3]))[1]
    assert bool(seen(middle)) and float(middle) == pytest.approx(0, abs=1e-20)
    doubtful = torch.tensor([[4.0, 0.9], [8.0, 0.0]]).view(2, 1, 1, 2)  # a confidence of zero: not mixed
    out = resample(doubtful, torch.tensor([2]), torch.tensor([5]), coordinates=1)
    assert out[:, 0, 0, 0].tolist() == [4, 4, 4, 0, 0]


def test_the_energy_of_a_body_does_not_grow_with_what_was_not_seen() -> None:
    generator = np.random.default_rng(0)
    x = np.stack([5 + generator.normal(size=(8, 25, 3)), 5 + 2 * generator.normal(size=(8, 25, 3))], axis=1)
    x[::2, 0, :5] = 0.0
    assert np.array_equal(select_bodies(x)[:, 0], x[:, 1])


def test_the_root_of_root_relative_clips_is_seen_and_a_joint_that_no_frame_shows_is_not() -> None:
    x = np.random.default_rng(0).normal(size=(6, 2, 17, 3)).astype(np.float32)
    x[:, 1] += 10
    x[:, :, 0] = 0.0
    x[2, 0] = 0.0  # absent in one frame
    marked = mark_root(x, 0)
    expected = [[frame != 2, False] for frame in range(6)]
    assert seen(torch.from_numpy(marked))[:, :, 0, 0].tolist() == expected
    assert np.array_equal(marked[:, :, 1:], x[:, :, 1:]) and mark_root(x, 1) is x
