"""A user centers clips whose center joint was not seen in the first frame (all zero there).
graphkit subtracted zero, so that the clip was not centered at all.
Right: moving the camera must not change a centered clip, whichever joints were seen in the first frame.
"""

import sys

import torch

from graphkit import skeleton

center = getattr(skeleton, "center", None) or skeleton.center
layout = skeleton.get_layout("coco-17")
joint = getattr(layout, "center", None)
joint = layout.center if joint is None else joint
torch.manual_seed(0)
frames = 10
x = 300 + 300 * torch.rand(1, 1, 17, 2).expand(frames, -1, -1, -1).clone() + torch.arange(frames).view(-1, 1, 1, 1)
ptr = torch.tensor([0, frames])
bad = []
for name, index in (("center joint", (0, 0, joint)), ("whole first frame", (0,))):
    clip = x.clone()
    clip[index] = 0
    moved = torch.where((clip != 0).any(-1, keepdim=True), clip + 1000, clip)
    gap = float((center(clip, ptr, joint, "first") - center(moved, ptr, joint, "first")).abs().max())
    if gap > 1:
        bad.append(f"{name} not seen: moving the camera by 1000 changes the centered clip by {gap:.0f}")
said = " ".join("; ".join(bad).split())
print(f"WRONG {said}" if bad else "ok centered clips do not depend on the camera")
sys.exit(bool(bad))
