"""A user freezes a parameter for a later task, which then has no importance for it.
graphkit's merged penalty dropped that parameter, so that the importance of the earlier task was lost.
Right: the merged penalty is the sum over the tasks, sum_t I_t (v - w_t)^2.
"""

import sys

import torch

from graphkit.continual import merge_penalty, merged_penalty

one = torch.ones(2)
first = merge_penalty(None, {"a": one, "b": one}, {"a": one, "b": one})
both = merge_penalty(first, {"a": one}, {"a": one})
values = {"a": one, "b": one + 1}
penalty = float(merged_penalty(both, values))
bad = [] if abs(penalty - 2.0) < 1e-6 else [f"penalty of moving b by 1 is {penalty} (right: 2)"]
said = " ".join("; ".join(bad).split())
print(f"WRONG {said}" if bad else "ok the merged penalty keeps every parameter")
sys.exit(bool(bad))
