import re

import pytest
import torch

from graphkit.data import ClipCollection
from graphkit.skeleton import SkeletonLayout

LAYOUT = SkeletonLayout.from_edges([(0, 1), (2, 1)])
LENGTHS = torch.tensor([2, 4, 1])


def collection(**options: object) -> ClipCollection:
    x = torch.arange(7.0).view(-1, 1, 1, 1) + torch.tensor([0.0, 10.0, 30.0]).view(3, 1)
    return ClipCollection(x.expand(7, 1, 3, 1).clone(), LENGTHS, torch.tensor([0, 1, 2]), LAYOUT, **options)


def test_a_batch_is_its_clips_end_to_end() -> None:
    clips = collection()
    batch = clips.batch([2, 0, 2])
    assert batch.x[:, 0, 0, 0].tolist() == [6, 0, 1, 6] and batch.lengths.tolist() == [1, 2, 1]
    assert batch.y.tolist() == [2, 0, 2] and batch.num_graphs == 3
    assert clips[-2].x[:, 0, 0, 0].tolist() == [2, 3, 4, 5] and len(list(clips)) == len(clips) == 3
    assert [clip.x.size(0) for clip in clips[1:]] == [4, 1]
    assert repr(clips) == "ClipCollection(3 clips, 7 frames, own, joint)"
    with pytest.raises(IndexError, match="there are 3 clips .asked for number 3."):
        clips[3]


def test_the_stream_is_made_of_augmented_joints() -> None:
    clips = collection(stream="bone-motion")
    doubled = clips.batch([1], lambda x, lengths, generator: (x[:3] * x[:3], lengths - 1))
    # Joints become squares first: bones of them, then differences in time, zero in the last frame.
    joint = torch.arange(2.0, 5.0) ** 2 - torch.arange(12.0, 15.0) ** 2
    assert doubled.x[:, 0, 0, 0].tolist() == [*joint.diff().tolist(), 0]
    assert clips.batch([1]).x[:, 0, 0, 0].tolist() == [0, 0, 0, 0] and doubled.lengths.tolist() == [3]


def test_clips_are_brought_to_a_number_of_frames_after_they_were_augmented() -> None:
    def first_frames(x: torch.Tensor, lengths: torch.Tensor, generator: object) -> tuple[torch.Tensor, torch.Tensor]:
        return x[:3], torch.tensor([3])

    batch = collection(frames=5).batch([1], first_frames)
    assert batch.x[:, 0, 0, 0].tolist() == [2, 2.5, 3, 3.5, 4] and batch.lengths.tolist() == [5]


def test_what_does_not_fit_is_refused() -> None:
    x, y = torch.zeros(7, 1, 3, 1), torch.tensor([0, 1, 2])
    for arguments, message in (
        ((x[:, :, :2], LENGTHS, y, LAYOUT), "`x` must be [F, P, 3 joints, C] (got [7, 1, 2, 1])"),
        ((x[:6], LENGTHS, y, LAYOUT), "`lengths` must add up to the 6 frames"),
        ((x, LENGTHS, y[:2], LAYOUT), "(got 7 frames, 2 actions and 3 clips)"),
    ):
        with pytest.raises(ValueError, match=re.escape(message)):
            ClipCollection(*arguments)
