"""Shape validation of skeleton clips."""

from itertools import permutations

from torch import Tensor

from graphkit.errors import InputError


def check_clips(x: Tensor, channels: int, joints: int, persons: int, end_to_end: bool) -> None:
    """Validates the channels, joints and persons of a batch of clips.

    Args:
        x (Tensor): ``[batch, C, T, V, P]``, or ``[F, P, V, C]`` with the frames of all clips concatenated.
        channels (int): Number of channels C.
        joints (int): Number of joints V.
        persons (int): Number of persons P.
        end_to_end (bool): If ``True``, expects the second form.

    Raises:
        InputError: If the shape differs; the message suggests a permutation of the axes where one fits.
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
