"""A user scores a model that has diverged: all outputs are NaN.
graphkit counted a row of NaN as class 0, so that accuracy was as good as a vote for class 0.
Right: NaN outputs are never hits; the score is 0 or NaN, or an error says that the outputs are not finite.
"""

import sys

import torch

from graphkit.metrics import accuracy, balanced_accuracy

out = torch.full((6, 3), float("nan"))
y = torch.tensor([0, 0, 0, 0, 1, 2])
bad = []
for metric in (accuracy, balanced_accuracy):
    try:
        score = float(metric(out, y))
    except ValueError:
        continue
    if score > 0:
        bad.append(f"{metric.__name__} of NaN outputs is {score:.3f}")
said = " ".join("; ".join(bad).split())
print(f"WRONG {said}" if bad else "ok NaN outputs score nothing")
sys.exit(bool(bad))
