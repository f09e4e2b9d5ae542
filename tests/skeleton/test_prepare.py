import math

import pytest
import torch

from graphkit.skeleton import align, center, fit_box
from graphkit.skeleton.prepare import rotation_between

PTR = torch.tensor([0, 3, 4])


def clips() -> torch.Tensor:
    torch.manual_seed(0)
    x = torch.randn(4, 2, 5, 3, dtype=torch.float64)
    x[1, 0, 3] = 0.0  # a joint that was not seen
    x[3, 1] = 0.0  # a person who is not there
    return x


@pytest.mark.parametrize(("how", "origins"), [("each", [0, 1, 2, 3]), ("first", [0, 0, 0, 3]), ("none", None)])
def test_center_moves_what_was_seen_to_one_joint_of_the_first_person(how: str, origins: list | None) -> None:
    x = clips()
    moved = center(x, PTR, 2, how)
    for frame in range(4):
        for person in range(2):
            for joint in range(5):
                origin = 0.0 if origins is None else x[origins[frame], 0, 2]
                expected = x[frame, person, joint] - origin if x[frame, person, joint].any() else torch.zeros(3)
                torch.testing.assert_close(moved[frame, person, joint], expected, check_dtype=False)


def test_align_puts_the_first_frame_upright_and_keeps_distances() -> None:
    x = clips()
    turned = align(x, PTR, (0, 1), (3, 4))
    torch.testing.assert_close(turned.norm(dim=-1), x.norm(dim=-1))
    for first in (0, 3):
        across = turned[first, 0, 4] - turned[first, 0, 3]
        torch.testing.assert_close(across, torch.tensor([float(across.norm()), 0, 0], dtype=across.dtype))
    upright = align(x, PTR, (0, 1), ())
    up = upright[3, 0, 1] - upright[3, 0, 0]
    torch.testing.assert_close(up, torch.tensor([0, 0, float(up.norm())], dtype=up.dtype))
    assert torch.equal(align(x, PTR, (), ()), x) and not turned[3, 1].any()


def test_rotations_turn_one_direction_into_another() -> None:
    end = torch.tensor([0.0, 0.0, 1.0])
    starts = torch.tensor([[1.0, 0, 0], [0, 0, -2.0], [0, 0, 3.0], [0, 0, 0], [1.0, -1.0, 1.0]])
    turns = rotation_between(starts, end)
    eye = torch.eye(3)
    for start, turn in zip(starts, turns, strict=True):
        torch.testing.assert_close(turn @ turn.t(), eye)
        assert float(torch.det(turn)) == pytest.approx(1.0)
        torch.testing.assert_close(turn @ start, end * start.norm(), atol=1e-6, rtol=0)
    assert math.isclose(float(turns[3].trace()), 3.0)


def test_what_cannot_be_done_is_refused() -> None:
    with pytest.raises(ValueError, match="`center` must be one of none, first, each .got 'last'."):
        center(clips(), PTR, 0, "last")
    with pytest.raises(ValueError, match="only joints with three coordinates can be turned .got 2.; set `align`"):
        align(clips()[..., :2], PTR, (0, 1), ())


def test_a_clip_fills_its_box() -> None:
    x = torch.cat([clips(), torch.rand(4, 2, 5, 1, dtype=torch.float64)], dim=-1)
    lengths = torch.tensor([3, 1])
    boxed = fit_box(x, lengths, 3)
    assert torch.equal(boxed[..., 3], x[..., 3]) and not boxed[1, 0, 3, :3].any() and not boxed[3, 1, :, :3].any()
    for clip, before in zip(boxed.split([3, 1]), x.split([3, 1]), strict=True):
        seen = before[..., :3].any(dim=-1)
        inside, source = clip[..., :3][seen], before[..., :3][seen]
        torch.testing.assert_close(inside.amin(dim=0), torch.full((3,), -1.0, dtype=x.dtype))
        torch.testing.assert_close(inside.amax(dim=0), torch.ones(3, dtype=x.dtype))
        middle, half = (source.amax(0) + source.amin(0)) / 2, (source.amax(0) - source.amin(0)) / 2
        torch.testing.assert_close(inside, (source - middle) / half)
