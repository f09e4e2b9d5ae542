"""Operators on graphs: pure functions of tensors, one per file.

Each has a reference in plain PyTorch and, where the library was built, native code that gives the same results faster.
:func:`backend` says which is in use, :func:`describe` why. ``GRAPHKIT_BACKEND=torch`` forces the reference;
``GRAPHKIT_CPU=avx2`` or ``base`` keeps the native code from newer vector instructions than these.

Beside a CUDA build of torch and with nvcc, CUDA kernels are built too, for float32, float64, float16 and bfloat16
(summed in float32), as deterministic as those of the CPU. They are in use on the architectures of GPUs that they were
tested on, as :func:`describe` says; ``GRAPHKIT_CUDA=1``, set before Python starts, switches them on everywhere. All are
tested by emulation, **none has run on a GPU yet**: so far PyTorch serves CUDA tensors. They look at the edges or
segments once per call, and wait for the answer, to raise the same errors as elsewhere; while a CUDA graph is captured
nothing is checked, and rows or nodes that do not exist are left out.
"""

from graphkit.ops._native import OperatorInfo, backend, describe
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
