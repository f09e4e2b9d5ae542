"""Graph operators: pure functions of tensors, one per file.

Each operator has a PyTorch reference and, if the library was built, a native implementation with the same results.
:func:`backend` returns the implementation in use, :func:`describe` the reason. ``GRAPHKIT_BACKEND=torch`` selects the
reference; ``GRAPHKIT_CPU=avx2`` or ``base`` restricts the vector instructions of the native code.

With nvcc and a CUDA build of torch, CUDA kernels of all operators but :func:`aggregate` and :func:`shortest_paths` are
built for float32, float64, float16 and bfloat16 (accumulated in float32), which are deterministic. They are used on the
GPU architectures that they were tested on, see :func:`describe`; ``GRAPHKIT_CUDA=1``, set before Python starts, enables
them on all. All kernels are tested by emulation; **none has run on a GPU yet**, so that CUDA tensors use PyTorch by
default. The kernels validate edges or segments once per call and synchronize for it. During CUDA graph capture nothing
is validated, and invalid rows or node ids are ignored.
"""

from graphkit.ops._native import OperatorInfo, backend, describe
from graphkit.ops.aggregate import aggregate
from graphkit.ops.edge_similarity import edge_similarity
from graphkit.ops.factor_aggregate import factor_aggregate
from graphkit.ops.joints import joint_affinity, joint_mix
from graphkit.ops.local_structure_divergence import local_structure_divergence
from graphkit.ops.path_attention import path_attention
from graphkit.ops.segment_max import segment_max
from graphkit.ops.segment_softmax import segment_softmax
from graphkit.ops.segment_sum import segment_sum
from graphkit.ops.shortest_paths import shortest_paths
from graphkit.ops.temporal_conv3 import temporal_conv3

__all__ = [
    "OperatorInfo",
    "aggregate",
    "backend",
    "joint_affinity",
    "describe",
    "edge_similarity",
    "factor_aggregate",
    "temporal_conv3",
    "local_structure_divergence",
    "joint_mix",
    "path_attention",
    "segment_max",
    "segment_softmax",
    "segment_sum",
    "shortest_paths",
]
