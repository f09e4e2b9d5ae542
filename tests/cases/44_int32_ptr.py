"""A user passes an int32 `ptr` to joint_mix, joint_affinity or temporal_conv3, as edges may be int32.
graphkit raised a RuntimeError that names a C++ function and a header file.
Right: the result of an int64 `ptr`, or a ValueError that names `ptr`.
"""

import sys

import torch

from graphkit import ops

torch.manual_seed(0)
ptr = torch.tensor([0, 4, 10])
x, mix, wide = torch.randn(10, 5, 1, 4), torch.randn(2, 1, 5, 5), torch.randn(10, 5, 2, 3, 4)
cases = {
    "joint_mix": lambda ptr: ops.joint_mix(x, mix, ptr),
    "joint_affinity": lambda ptr: ops.joint_affinity(x, x, ptr),
    "temporal_conv3": lambda ptr: ops.temporal_conv3(wide, ptr),
    "segment_sum": lambda ptr: ops.segment_sum(torch.ones(10, 2), ptr),
}
bad = []
for name, function in cases.items():
    want = function(ptr)
    for kind, given in (("int32", ptr.int()), ("not contiguous", torch.stack([ptr, ptr], 1)[:, 0])):
        try:
            if not torch.allclose(function(given), want):
                bad.append(f"{name}, {kind}: another result")
        except ValueError:
            pass
        except Exception as error:
            bad.append(f"{name}, {kind}: {type(error).__name__}: {str(error)[:60]}")
said = " ".join("; ".join(bad).split())
print(f"WRONG {said}" if bad else "ok int32 offsets work or are refused")
sys.exit(bool(bad))
