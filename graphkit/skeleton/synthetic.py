"""Synthetic skeleton clips of six actions."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

#: Rest pose of a person of 1.8 m in the layout ``nw-ucla-20``, facing along y: x to the left, z up.
REST = torch.tensor(
    [
        [0.00, 0, 0.95], [0.00, 0, 1.15], [0.00, 0, 1.50], [0.00, 0, 1.75],
        [0.20, 0, 1.45], [0.25, 0, 1.17], [0.27, 0, 0.93], [0.28, 0, 0.84],
        [-0.20, 0, 1.45], [-0.25, 0, 1.17], [-0.27, 0, 0.93], [-0.28, 0, 0.84],
        [0.10, 0, 0.92], [0.11, 0, 0.50], [0.11, 0, 0.09], [0.11, 0.14, 0.04],
        [-0.10, 0, 0.92], [-0.11, 0, 0.50], [-0.11, 0, 0.09], [-0.11, 0.14, 0.04],
    ]
)  # fmt: skip
LEFT_ARM, RIGHT_ARM, LEFT_LEG, RIGHT_LEG = (slice(first, first + 4) for first in (4, 8, 12, 16))
UPPER = slice(0, 12)


@dataclass(frozen=True)
class Moment:
    """Parameters of an action in each frame.

    Args:
        time (Tensor): Time ``[F]`` in seconds from the beginning of the clip.
        phase (Tensor): Phase angle ``[F]`` of the action.
        size (Tensor): Amplitude ``[F]`` of the movements, about 1.
        side (Tensor): Mask ``[F]`` of the frames in which the left side leads.
    """

    time: Tensor
    phase: Tensor
    size: Tensor
    side: Tensor


def _lift(x: Tensor, limb: slice, angle: Tensor, sideways: bool) -> None:
    """Rotates a limb about its first joint, forward or sideways."""
    root = x[:, limb][:, :1].clone()
    away = x[:, limb] - root
    sine, cosine = angle.sin().unsqueeze(1), angle.cos().unsqueeze(1)
    axis = 0 if sideways else 1
    sign = torch.sign(REST[limb.start, 0]) if sideways else 1.0
    along, down = away[..., axis] * sign, away[..., 2]
    away[..., axis] = sign * (along * cosine - down * sine)
    away[..., 2] = along * sine + down * cosine
    x[:, limb] = root + away


def _leading(x: Tensor, m: Moment, left: slice, right: slice, angle: Tensor, sideways: bool) -> None:
    """Lifts the limb of the side that leads."""
    _lift(x, left, angle * m.side, sideways)
    _lift(x, right, angle * ~m.side, sideways)


def walk(x: Tensor, m: Moment) -> None:
    """Applies walking: forward motion with swinging legs and arms."""
    swing = 0.5 * m.size * m.phase.sin()
    for limb, sign in ((LEFT_LEG, 1), (RIGHT_LEG, -1), (LEFT_ARM, -0.7), (RIGHT_ARM, 0.7)):
        _lift(x, limb, sign * swing, sideways=False)
    x[..., 1] += (1.1 * m.size * m.time).unsqueeze(1)


def wave(x: Tensor, m: Moment) -> None:
    """Applies waving with one arm."""
    _leading(x, m, LEFT_ARM, RIGHT_ARM, 2.5 + 0.4 * m.size * m.phase.sin(), sideways=True)


def jump(x: Tensor, m: Moment) -> None:
    """Applies repeated jumps with both arms up."""
    height = 0.35 * m.size * m.phase.sin().clamp(min=0)
    for limb in (LEFT_ARM, RIGHT_ARM):
        _lift(x, limb, 3.0 * height, sideways=True)
    x[..., 2] += height.unsqueeze(1)


def clap(x: Tensor, m: Moment) -> None:
    """Applies clapping with both arms held forward."""
    for limb, sign in ((LEFT_ARM, -1), (RIGHT_ARM, -1)):
        _lift(x, limb, torch.full_like(m.phase, 1.4), sideways=False)
        share = torch.linspace(0, 1, 4)
        inwards = 0.22 * (1 + (m.phase).sin()) / 2 * m.size
        x[:, limb, 0] += sign * torch.sign(REST[limb.start, 0]) * inwards.unsqueeze(1) * share


def squat(x: Tensor, m: Moment) -> None:
    """Applies repeated squats."""
    depth = 0.2 * m.size * (1 - m.phase.cos())
    x[:, UPPER, 2] -= depth.unsqueeze(1)
    for hip, knee in ((12, 13), (16, 17)):
        x[:, hip, 2] -= depth
        x[:, knee, 2] -= depth / 2
        x[:, knee, 1] += depth


def kick(x: Tensor, m: Moment) -> None:
    """Applies kicks with one leg."""
    _leading(x, m, LEFT_LEG, RIGHT_LEG, 1.2 * m.size * m.phase.sin().clamp(min=0), sideways=False)


ACTIONS: dict[str, Callable[[Tensor, Moment], None]] = {
    "walk": walk, "wave": wave, "jump": jump, "clap": clap, "squat": squat, "kick": kick,
}  # fmt: skip


def generate_clips(num_clips: int, noise: float = 0.02, seed: int = 0) -> tuple[Tensor, Tensor, Tensor]:
    """Generates clips of 24 to 72 frames with balanced actions.

    The frame rate is 30 frames per second.

    Args:
        num_clips (int): Number of clips.
        noise (float, optional): Standard deviation of the joint noise in meters. (default: ``0.02``)
        seed (int, optional): Random seed. (default: ``0``)

    Returns:
        Frames ``[F, 1, 20, 3]``, lengths ``[G]`` and labels ``[G]``.
    """
    # Offset of the seed: a model with the same seed would draw the same random numbers.
    generator = torch.Generator().manual_seed(seed + 1_000_003)

    def draw(low: float, high: float) -> Tensor:
        return low + (high - low) * torch.rand(num_clips, generator=generator)

    y = (torch.arange(num_clips) % len(ACTIONS))[torch.randperm(num_clips, generator=generator)]
    lengths = draw(24, 73).long().clamp(max=72)
    owner = torch.arange(num_clips).repeat_interleave(lengths)
    time = (torch.arange(owner.numel()) - (lengths.cumsum(0) - lengths)[owner]) / 30.0
    rhythm, start, size, side = draw(0.7, 1.4), draw(0, 2 * math.pi), draw(0.7, 1.3), draw(0, 1) < 0.5
    phase = 2 * math.pi * rhythm[owner] * time + start[owner]
    x = REST.repeat(owner.numel(), 1, 1)
    for number, action in enumerate(ACTIONS.values()):
        rows = (y[owner] == number).nonzero().view(-1)
        shown = x[rows]
        action(shown, Moment(time[rows], phase[rows], size[owner][rows], side[owner][rows]))
        x[rows] = shown
    angle, height = draw(-math.pi, math.pi), draw(0.85, 1.1)
    sine, cosine = angle.sin()[owner].unsqueeze(1), angle.cos()[owner].unsqueeze(1)
    turned = torch.stack([x[..., 0] * cosine - x[..., 1] * sine, x[..., 0] * sine + x[..., 1] * cosine, x[..., 2]], -1)
    offset = torch.stack([draw(-1, 1), draw(2, 4), draw(-0.2, 0.2)], dim=1)
    x = turned * height[owner].view(-1, 1, 1) + offset[owner].unsqueeze(1)
    return (x + noise * torch.randn(x.shape, generator=generator)).unsqueeze(1), lengths, y
