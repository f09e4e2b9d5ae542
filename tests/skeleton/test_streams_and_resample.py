import pytest
import torch

from graphkit.skeleton import SkeletonLayout, make_stream, repeat_to, resample

LAYOUT = SkeletonLayout.from_edges([(0, 1), (2, 1)])
PTR = torch.tensor([0, 2, 5])


def test_streams_are_differences_along_bones_and_in_time() -> None:
    x = torch.randn(5, 2, 3, 3)
    bone, motion, both = (make_stream(name, x, PTR, LAYOUT) for name in ("bone", "joint-motion", "bone-motion"))
    assert make_stream("joint", x, PTR, LAYOUT) is x
    for frame, following in ((0, 1), (1, None), (2, 3), (3, 4), (4, None)):
        assert torch.equal(bone[frame, :, 0], x[frame, :, 0] - x[frame, :, 1]) and not bone[frame, :, 1].any()
        assert torch.equal(motion[frame], torch.zeros(2, 3, 3) if following is None else x[following] - x[frame])
        assert torch.equal(both[frame], torch.zeros(2, 3, 3) if following is None else bone[following] - bone[frame])


def test_a_confidence_becomes_the_smaller_one_of_both() -> None:
    x = torch.rand(5, 1, 3, 3)
    bone, motion = (make_stream(name, x, PTR, LAYOUT, coordinates=2) for name in ("bone", "joint-motion"))
    assert torch.equal(bone[:, :, 2, 2], torch.minimum(x[:, :, 2, 2], x[:, :, 1, 2]))
    assert torch.equal(bone[:, :, 2, :2], x[:, :, 2, :2] - x[:, :, 1, :2])
    assert torch.equal(motion[2, ..., 2], torch.minimum(x[2, ..., 2], x[3, ..., 2]))
    with pytest.raises(ValueError, match="`stream` must be one of joint, bone, joint-motion, bone-motion .got 'bo"):
        make_stream("bones", x, PTR, LAYOUT)


def test_resampling_interpolates_between_frames() -> None:
    x = torch.tensor([1.0, 3.0, 10.0, 20.0, 40.0, 7.0]).view(-1, 1, 1, 1)
    lengths = torch.tensor([2, 3, 1])
    out = resample(x, lengths, torch.tensor([3, 5, 2])).flatten()
    assert out.tolist() == [1, 2, 3, 10, 15, 20, 30, 40, 7, 7]
    segment = resample(
        x, lengths, torch.tensor([1, 2, 1]), torch.tensor([0.5, 1.0, 0.0]), torch.tensor([0.5, 1.5, 0.0])
    )
    assert segment.flatten().tolist() == [2, 20, 30, 7]


def test_resampling_does_not_mix_what_was_not_seen() -> None:
    x = torch.tensor([[4.0, 2.0], [0.0, 4.0]]).view(2, 1, 2, 1)
    out = resample(x, torch.tensor([2]), torch.tensor([5])).view(5, 2)
    assert out[:, 0].tolist() == [4, 4, 4, 0, 0] and out[:, 1].tolist() == [2, 2.5, 3, 3.5, 4]


def test_repeating_plays_a_clip_again_or_cuts_it() -> None:
    x = torch.arange(5.0).view(-1, 1, 1, 1)
    assert repeat_to(x, torch.tensor([2, 3]), 4).flatten().tolist() == [0, 1, 0, 1, 2, 3, 4, 2]
    assert repeat_to(x, torch.tensor([1, 4]), 2).flatten().tolist() == [0, 0, 1, 2]
