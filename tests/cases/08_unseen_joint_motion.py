"""A user makes the motion stream of clips in which a joint that was not seen is (0, 0).
graphkit took the whole position of the joint for its motion: a step of 500 pixels instead of 1.4.
Right: motion from or to a joint that was not seen is zero (unknown).
"""

import sys

import torch

from graphkit.skeleton import get_layout, make_stream

torch.manual_seed(0)
layout, frames, joint = get_layout("coco-17"), 10, 7
x = 300 + 300 * torch.rand(1, 1, 17, 2).expand(frames, -1, -1, -1).clone()
x += torch.arange(frames).view(-1, 1, 1, 1)
ptr = torch.tensor([0, frames])
hidden = x.clone()
hidden[4, 0, joint] = 0
motion = make_stream("joint-motion", hidden, ptr, layout, 2)
step = float(make_stream("joint-motion", x, ptr, layout, 2).norm(dim=-1).max())
bad = []
for frame in (3, 4):
    length = float(motion[frame, 0, joint].norm())
    if length > 2 * step:
        bad.append(f"frame {frame}: motion {length:.0f} where the true step is {step:.1f}")
said = " ".join("; ".join(bad).split())
print(f"WRONG {said}" if bad else "ok motion of unseen joints is zero")
sys.exit(bool(bad))
