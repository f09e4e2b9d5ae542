"""A user trains path attention on features that nobody has scaled, so that scores reach 1e6 to 1e9.
graphkit's backward pass computed attention anew with a rounding error, and gave gradients between 0 and 1e30.
Right: a node with one path has attention 1, whatever the score, so that d out / d h = 1.
"""

import sys

import torch

from graphkit.ops import path_attention

bad = []
for scale in (-3.3e5, -3.3e6, -3.3e7, -3.3e8, -3.3e9, 3.3e7):
    worst = 1.0
    for k in range(50):
        h = torch.full((1, 1, 1), scale * (1 + k / 97), requires_grad=True)
        one, zero = torch.ones(1, 1), torch.zeros(1, 1)
        out = path_attention(h, torch.tensor([[0], [0]]), one, zero)
        gradient = torch.autograd.grad(out.sum(), h)[0].item()
        if not abs(gradient - 1) <= abs(worst - 1):
            worst = gradient
    if not abs(worst - 1) < 1e-3:
        bad.append(f"score {scale:.1e}: gradient {worst:.4g} (right: 1)")
said = " ".join("; ".join(bad).split())
print(f"WRONG {said}" if bad else "ok gradients of path attention do not depend on the size of the score")
sys.exit(bool(bad))
