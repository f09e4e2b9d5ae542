"""Native parser of NTU RGB+D skeleton files."""

import torch
from torch import Tensor

from graphkit.ops._native import has_native

_NATIVE = has_native("skeleton_text")


def skeleton_text(text: bytes, joints: int) -> Tensor | None:
    """Parses the coordinates of all bodies in the text of a ``.skeleton`` file.

    Args:
        text (bytes): Content of the file.
        joints (int): Number of joints of each body.

    Returns:
        Coordinates ``[T, M, joints, 3]`` float64 on the CPU, zeros where a frame has fewer than M bodies. ``None``
        without native code or for malformed text, which the Python parser reports.
    """
    if not _NATIVE or not text:
        return None
    data = torch.frombuffer(bytearray(text), dtype=torch.uint8)
    out = torch.ops.graphkit.skeleton_text(data, joints)
    return out if out.dim() == 4 else None
