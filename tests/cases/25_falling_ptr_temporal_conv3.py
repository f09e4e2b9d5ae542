"""A user passes a `ptr` that falls, [0, 7, 3, 10], to temporal_conv3.
graphkit's plain path (float16) accepted it and returned numbers.
Right: a ValueError that names `ptr`, for every dtype.
"""

import sys

import torch

from graphkit.ops import temporal_conv3

bad = []
for kind in (torch.float32, torch.float64, torch.float16, torch.bfloat16):
    try:
        out = temporal_conv3(torch.randn(10, 5, 2, 3, 4).to(kind), torch.tensor([0, 7, 3, 10]))
        bad.append(f"{kind}: accepted, output {list(out.shape)}")
    except ValueError:
        pass
    except Exception as error:
        bad.append(f"{kind}: {type(error).__name__}: {str(error).splitlines()[0][:80]}")
said = " ".join("; ".join(bad).split())
print(f"WRONG {said}" if bad else "ok a ptr that falls is refused")
sys.exit(bool(bad))
