"""Human3.6M layout of 17 joints, common in 3D pose estimation."""

from graphkit.registry import register_layout
from graphkit.skeleton.layout import SkeletonLayout

H36M_17 = SkeletonLayout(
    name="h36m-17",
    joints=(
        "middle of hips", "right hip", "right knee", "right ankle", "left hip", "left knee", "left ankle",
        "spine", "thorax", "neck", "head",
        "left shoulder", "left elbow", "left wrist", "right shoulder", "right elbow", "right wrist",
    ),
    edges=(
        (1, 0), (2, 1), (3, 2), (4, 0), (5, 4), (6, 5),
        (7, 0), (8, 7), (9, 8), (10, 9),
        (11, 8), (12, 11), (13, 12), (14, 8), (15, 14), (16, 15),
    ),
    center=0,
    up=(0, 7),
    across=(14, 11),
    mirrored=((1, 4), (2, 5), (3, 6), (11, 14), (12, 15), (13, 16)),
)  # fmt: skip

register_layout(H36M_17.name)(H36M_17)
