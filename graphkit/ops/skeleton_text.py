"""The numbers in the text of a recording, read without an object for each of them."""

import torch
from torch import Tensor

from graphkit.ops._native import has_native

_NATIVE = has_native("skeleton_text")


def skeleton_text(text: bytes, joints: int) -> Tensor | None:
    """Reads the coordinates of all bodies out of the text of a ``.skeleton`` file.

    Args:
        text: The content of the file.
        joints: The number of joints that each body must have.

    Returns:
        ``[T, M, joints, 3]`` float64 on the CPU, zeros where a frame has fewer than M bodies. ``None`` if there is no
        native code, or anything in the text is not exactly as it should be: what that is, a reader in Python finds out.
    """
    if not _NATIVE or not text:
        return None
    data = torch.frombuffer(bytearray(text), dtype=torch.uint8)
    out = torch.ops.graphkit.skeleton_text(data, joints)
    return out if out.dim() == 4 else None
