"""A user distills from a teacher that masks a class out: its logit is -inf.
graphkit's knowledge-distillation loss was NaN, because it computed 0 * log 0.
Right: p log p is 0 at p = 0, so that the loss is finite and equals the one computed over the other classes.
"""

import math
import sys

import torch

from graphkit.distill import KnowledgeDistillation

temperature = 2.0
teacher = torch.tensor([[0.0, -math.inf, 1.0], [2.0, 0.5, -math.inf]], dtype=torch.float64)
student = torch.tensor([[0.3, -0.2, 0.1], [0.0, 1.0, 0.7]], dtype=torch.float64, requires_grad=True)
p, log_q = torch.softmax(teacher / temperature, 1), torch.log_softmax(student / temperature, 1)
positive = p > 0
want = float((p[positive] * (p[positive].log() - log_q[positive])).sum() * temperature**2 / 2)
loss = KnowledgeDistillation(temperature)
value = loss.compare(student, teacher) if hasattr(loss, "compare") else loss(student, teacher)
value.backward()
bad = []
if not abs(float(value) - want) < 1e-9:
    bad.append(f"loss {float(value)} (right: {want:.6f})")
if not torch.isfinite(student.grad).all():
    bad.append("gradient is not finite")
said = " ".join("; ".join(bad).split())
print(f"WRONG {said}" if bad else "ok a masked class of the teacher does not count")
sys.exit(bool(bad))
