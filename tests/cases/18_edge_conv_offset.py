"""A user trains DynamicEdgeConv on a point cloud that lies far from the origin (georeferenced points, 1000 away).
graphkit found the variance of the batch norm by a difference of large numbers, and the output exploded.
Right: edge features x_j - x_i do not depend on the offset; the float32 output agrees with float64.
"""

import copy
import sys

import torch

from graphkit.nn import DynamicEdgeConv

bad = []
for offset in (100.0, 1000.0, 3000.0):
    torch.manual_seed(1)
    x = torch.randn(256, 3) + offset
    layer = DynamicEdgeConv(3, 16, k=8).train()
    exact = copy.deepcopy(layer).double()
    out, want = layer(x)[0], exact(x.double())[0]
    gap = float((out.double() - want).abs().max() / want.abs().max())
    if not gap < 0.05:
        bad.append(f"offset {offset:g}: output differs from float64 by {100 * gap:.0f} %")
said = " ".join("; ".join(bad).split())
print(f"WRONG {said}" if bad else "ok the output does not depend on where the cloud lies")
sys.exit(bool(bad))
