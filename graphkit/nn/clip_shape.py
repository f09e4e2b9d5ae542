"""The shape of clips, and what to tell someone whose clips have another one."""

from itertools import permutations

from torch import Tensor

from graphkit.errors import InputError


def check_clips(x: Tensor, channels: int, joints: int, persons: int, end_to_end: bool) -> None:
    """Refuses clips that do not have the channels, joints and persons of a model, in their places.

    Args:
        x: ``[batch, C, T, V, P]``, or ``[F, P, V, C]`` with the frames of all clips end to end.
        channels: Number of coordinates C.
        joints: Number of joints V.
        persons: Number of persons P.
        end_to_end: Whether the second form is expected.

    Raises:
        ValueError: If the shape is another one; where another order of the axes would fit, it is given.
    """
    if end_to_end:
        places = {"joints": (2, joints), "persons": (1, persons), "channels": (3, channels)}
        wanted = f"[frames, {persons} persons, {joints} joints, {channels} channels]"
        hint = "leave `lengths` out for clips in [batch, channels, frames, joints, persons]"
    else:
        places = {"joints": (3, joints), "persons": (4, persons), "channels": (1, channels)}
        wanted = f"[batch, {channels} channels, frames, {joints} joints, {persons} persons]"
        hint = "give the `lengths` of the clips if their frames come end to end"
    got = list(x.shape)
    if not x.is_floating_point():
        raise InputError(f"`x` must hold floating-point numbers (got {x.dtype}); call x.float()")
    if x.dim() != (4 if end_to_end else 5):
        raise InputError(f"`x` must be {wanted} (got {got}); {hint}")
    wrong = [name for name, (axis, size) in places.items() if got[axis] != size]
    if wrong:
        for rest in permutations(range(1, x.dim())):
            order = (0, *rest)
            if all(got[order[axis]] == size for axis, size in places.values()):
                hint = f"if its axes are in another order, try x.permute{order}"
                raise InputError(f"`x` must be {wanted} (got {got}); {hint}")
        axis, size = places[wrong[0]]
        option = {"joints": "layout", "persons": "num_persons", "channels": "in_channels"}[wrong[0]]
        raise InputError(
            f"`x` must be {wanted}, with {size} {wrong[0]} (got {got[axis]} in {got}); make the model with the "
            f"`{option}` of the data, or give it other data"
        )
    if not x.numel():
        raise InputError(f"`x` must be {wanted} with at least one frame (got {got})")
