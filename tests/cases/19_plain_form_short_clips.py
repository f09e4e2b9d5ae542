"""A user runs the plain form of STIGCN, the one that is exported, on a clip of 6 frames.
graphkit's plain form failed, although the model itself takes the clip.
Right: the plain form gives the output of the model, or says in one ValueError how many frames a clip must have.
"""

import sys

import torch

from graphkit.export.plain import plain_form
from graphkit.nn import STIGCN

torch.manual_seed(0)
model = STIGCN(3, 5, "ntu-25", 1).eval()
plain = plain_form(model)
bad = []
for frames in (1, 2, 3, 4, 6, 7, 8, 12):
    x = torch.randn(2, 3, frames, 25, 1)
    with torch.no_grad():
        try:
            want = model(x)
        except ValueError:
            continue
        try:
            gap = float((plain(x) - want).abs().max())
            if not gap < 1e-3:
                bad.append(f"{frames} frames: differs by {gap:.3g}")
        except ValueError as error:
            if "frame" not in str(error):
                bad.append(f"{frames} frames: {error}")
        except Exception as error:
            bad.append(f"{frames} frames: {type(error).__name__}: {str(error)[:80]}")
said = " ".join("; ".join(bad).split())
print(f"WRONG {said}" if bad else "ok the plain form takes the clips that the model takes")
sys.exit(bool(bad))
