import pytest
import torch

from graphkit.nn import PackedClips

LENGTHS = [5, 1, 4, 2]


def apart(x: torch.Tensor, frames: PackedClips) -> list[torch.Tensor]:
    ptr = frames.ptr.tolist()
    return [x[a:b] for a, b in zip(ptr, ptr[1:], strict=False)]


@pytest.mark.parametrize("lengths", [LENGTHS, [4, 4], [3, 3], [1, 1, 1], [7]])
def test_pools_and_averages_each_sequence_as_if_alone(lengths: list[int]) -> None:
    frames = PackedClips.from_lengths(lengths)
    x = torch.randn(sum(lengths), 3, 2)
    pooled, half = frames.max_pool(x), frames.halved()
    assert half.counts.tolist() == [max(1, n // 2) for n in lengths]
    for sequence, pooled_clip, mean in zip(apart(x, frames), apart(pooled, half), frames.mean(x[:, 0]), strict=True):
        pairs = [torch.maximum(sequence[2 * i], sequence[2 * i + 1]) for i in range(len(sequence) // 2)] or [
            sequence[0]
        ]
        assert torch.equal(pooled_clip, torch.stack(pairs))
        torch.testing.assert_close(mean, sequence[:, 0].mean(dim=0))


@pytest.mark.parametrize("lengths", [LENGTHS, [3, 3]])
def test_gives_each_person_a_sequence(lengths: list[int]) -> None:
    frames = PackedClips.from_lengths(lengths)
    x = torch.arange(sum(lengths) * 3).view(-1, 3)  # [F, P]
    person_clips, rows = frames.for_each(3)
    got = apart(x.flatten()[rows], person_clips)
    expected = [clip[:, person] for clip in apart(x, frames) for person in range(3)]
    assert all(torch.equal(a, b) for a, b in zip(got, expected, strict=True))
    assert person_clips.every == frames.every


def test_knows_the_owner_of_each_frame_and_when_all_are_equally_long() -> None:
    assert PackedClips.from_lengths([2, 1, 3]).owner.tolist() == [0, 0, 1, 2, 2, 2]
    assert PackedClips.from_lengths([2, 2]).every == 2 and PackedClips.regular(2, 2).owner.tolist() == [0, 0, 1, 1]
    assert (
        PackedClips.from_lengths([2, 1]).every is None
        and repr(PackedClips.from_lengths([2, 1])) == "PackedClips(2 sequences)"
    )


@pytest.mark.parametrize(("lengths", "words"), [([3, 0], "got 0 for sequence 1"), ([], "got no sequence")])
def test_refuses_sequences_without_a_frame(lengths: list[int], words: str) -> None:
    with pytest.raises(ValueError, match=f"`lengths` must give each sequence at least one frame .{words}."):
        PackedClips.from_lengths(lengths)
