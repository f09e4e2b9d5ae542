"""Skeleton clip: coordinates, label and tags of a recording."""

from dataclasses import dataclass, field

import numpy as np

from graphkit.errors import InputError

#: Limits of a recording: frames (an hour at 27 a second), persons, and the absolute value of a coordinate.
MOST_FRAMES, MOST_PERSONS, LARGEST = 100_000, 32, 1e6


@dataclass(frozen=True)
class Clip:
    """Skeleton clip of one or several persons.

    Args:
        name (str): Name of the clip.
        x (np.ndarray): Coordinates ``[T, P, V, C]`` float32 of T frames, P persons, V joints and C channels; zeros for
            absent persons.
        label (int, optional): Action, counted from zero; -1 if unknown. (default: ``-1``)
        tags (dict[str, int], optional): Metadata, such as ``{"subject": 3, "camera": 1}``. (default: ``{}``)

    Raises:
        InputError: If ``x`` has another shape or invalid coordinates.
    """

    name: str
    x: np.ndarray
    label: int = -1
    tags: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.x.ndim != 4 or not self.x.shape[0]:
            wanted = "[frames, persons, joints, coordinates]"
            raise InputError(f"the clip '{self.name}' must be {wanted} with at least one frame (got {self.x.shape})")
        check_coordinates(self.x, f"the clip '{self.name}'")


def check_coordinates(x: np.ndarray, what: str) -> None:
    """Validates the values and the size of clip coordinates.

    Args:
        x (np.ndarray): Coordinates ``[T, P, V, C]``.
        what (str): Name of the clip or file at the beginning of error messages.

    Raises:
        InputError: If there are too many frames or persons, or a coordinate is not finite, too large, or all are zero.
            The message names the frame, person and joint of the first invalid value.
    """
    if len(x) > MOST_FRAMES or x.shape[1] > MOST_PERSONS:
        raise InputError(
            f"{what} must have at most {MOST_FRAMES:,} frames and {MOST_PERSONS} persons (got {len(x):,} and "
            f"{x.shape[1]:,}); cut it into shorter clips, or leave persons out"
        )
    with np.errstate(invalid="ignore"):
        wrong = ~(np.abs(x) <= LARGEST)  # NaN too
    if wrong.any():
        frame, person, joint, channel = (int(index) for index in np.argwhere(wrong)[0])
        where = f"frame {frame}, person {person}, joint {joint}, counted from 0"
        raise InputError(
            f"{what} must hold finite numbers from {-LARGEST:,.0f} to {LARGEST:,.0f} (got "
            f"{x[frame, person, joint, channel]:g} in {where}); write zeros for a joint that was not seen"
        )
    if not x.any():
        raise InputError(f"{what} has no skeleton: all its coordinates are zero; leave it out")
