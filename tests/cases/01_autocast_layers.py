"""A user calls a layer under `torch.autocast`, as in every mixed-precision training loop.
graphkit raised a dtype error from FactorGCNConv and FusedGATConv.
Right: the bfloat16 output is close to the float32 output, and the gradient is finite, as for torch_geometric's GATConv.
"""

import sys

import torch

from graphkit.nn import FactorGCNConv, FusedGATConv, SPAGANConv

bad = []
torch.manual_seed(0)
x, edge_index = torch.randn(30, 8), torch.randint(0, 30, (2, 120))
layers = {
    "FactorGCNConv": FactorGCNConv(8, 8, factors=4),
    "FactorGCNConv(bias=False)": FactorGCNConv(8, 8, factors=4, bias=False),
    "FusedGATConv": FusedGATConv(8, 8, heads=2),
    "SPAGANConv": SPAGANConv(8, 8, heads=2),
}
for name, layer in layers.items():
    want = layer(x, edge_index).detach()
    try:
        with torch.autocast("cpu", dtype=torch.bfloat16):
            out = layer(x, edge_index)
        out.float().sum().backward()
    except Exception as error:
        bad.append(f"{name}: {type(error).__name__}: {str(error)[:80]}")
        continue
    gap = float((out.float() - want).abs().max())
    if not gap < 0.1 * float(want.abs().max()) + 0.1:
        bad.append(f"{name}: differs from float32 by {gap:.3g}")
    if not all(torch.isfinite(p.grad).all() for p in layer.parameters() if p.grad is not None):
        bad.append(f"{name}: gradient is not finite")
said = " ".join("; ".join(bad).split())
print(f"WRONG {said}" if bad else "ok every layer works in bfloat16 autocast")
sys.exit(bool(bad))
