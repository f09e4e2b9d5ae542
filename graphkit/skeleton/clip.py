"""One recording: who moves how, and what it is known to show."""

from dataclasses import dataclass, field

import numpy as np

from graphkit.errors import InputError


@dataclass(frozen=True)
class Clip:
    """A recording of persons.

    Args:
        name: What the clip is called.
        x: ``[T, P, V, C]`` float32: the C coordinates of V joints of P persons in T frames. Who is absent is all zeros.
        label: The action, counted from zero; -1 if it is not known.
        tags: What else is known, such as ``{"subject": 3, "camera": 1}``.
    """

    name: str
    x: np.ndarray
    label: int = -1
    tags: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.x.ndim != 4 or not self.x.shape[0]:
            wanted = "[frames, persons, joints, coordinates]"
            raise InputError(f"the clip '{self.name}' must be {wanted} with at least one frame (got {self.x.shape})")
        if not np.isfinite(self.x).all():
            frame = int(np.argwhere(~np.isfinite(self.x))[0, 0])
            raise InputError(f"the clip '{self.name}' must hold finite numbers (got another one in frame {frame})")
        if not self.x.any():
            raise InputError(f"the clip '{self.name}' shows nobody: all its coordinates are zero; leave it out")
