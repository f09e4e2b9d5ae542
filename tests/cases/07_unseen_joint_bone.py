"""A user makes the bone stream of clips in which a joint that was not seen is (0, 0), as pose estimators write it.
graphkit made a bone as long as the position of its neighbor: 500 pixels instead of 40.
Right: a bone from or to a joint that was not seen is zero (unknown); all other bones are as before.
"""

import sys

import torch

from graphkit.skeleton import get_layout, make_stream

torch.manual_seed(0)
layout, frames, joint = get_layout("coco-17"), 10, 7
x = 300 + 300 * torch.rand(1, 1, 17, 2).expand(frames, -1, -1, -1).clone()
x += torch.arange(frames).view(-1, 1, 1, 1)
ptr = torch.tensor([0, frames])
seen = make_stream("bone", x, ptr, layout, 2)
hidden = x.clone()
hidden[4, 0, joint] = 0
bones = make_stream("bone", hidden, ptr, layout, 2)
changed = (bones != seen).any(-1)[4, 0].nonzero().view(-1).tolist()
longest, worst = float(seen[4, 0].norm(dim=-1).max()), float(bones[4, 0].norm(dim=-1).max())
bad = []
if any(bones[4, 0, j].any() for j in changed):
    bad.append(f"joint {joint} not seen: bones of joints {changed} are up to {worst:.0f} long (true: {longest:.0f})")
if not torch.equal(bones[5], seen[5]):
    bad.append("another frame changed")
said = " ".join("; ".join(bad).split())
print(f"WRONG {said}" if bad else "ok bones of unseen joints are zero")
sys.exit(bool(bad))
