"""A user computes the label loss in float64, with three labels of which all are known.
graphkit divided by the number of known labels in float32, so that the loss was right to 8 digits only.
Right: the value of the documented formula, to the precision of float64.
"""

import math
import sys

import torch

from graphkit.nn import label_loss

torch.manual_seed(0)
coefficients = 0.1 + 0.8 * torch.rand(4, 3, dtype=torch.float64)
edge_index = torch.tensor([[0, 1, 2, 2], [1, 0, 1, 2]])
y = torch.tensor([[1.0, 0.0, 1.0]], dtype=torch.float64)
rows = coefficients.tolist()[:3]  # the last edge is a self loop, which does not count
terms = [-sum(math.log(row[m] if y[0, m] else 1 - row[m]) for row in rows) / 3 for m in range(3)]
want = sum(terms) / 3
loss = label_loss(coefficients, edge_index, y)
bad = []
if loss.dtype != torch.float64 or abs(float(loss) - want) > 1e-13:
    bad.append(f"{loss.dtype}: {float(loss):.14f} (right: {want:.14f})")
said = " ".join("; ".join(bad).split())
print(f"WRONG {said}" if bad else "ok the label loss is exact in float64")
sys.exit(bool(bad))
