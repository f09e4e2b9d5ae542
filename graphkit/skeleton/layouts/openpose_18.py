"""OpenPose layout of 18 joints (Kinetics-Skeleton)."""

from graphkit.registry import register_layout
from graphkit.skeleton.layout import SkeletonLayout

OPENPOSE_18 = SkeletonLayout(
    name="openpose-18",
    joints=(
        "nose", "neck",
        "right shoulder", "right elbow", "right wrist",
        "left shoulder", "left elbow", "left wrist",
        "right hip", "right knee", "right ankle",
        "left hip", "left knee", "left ankle",
        "right eye", "left eye", "right ear", "left ear",
    ),
    edges=(
        (0, 1), (2, 1), (3, 2), (4, 3), (5, 1), (6, 5), (7, 6),
        (8, 2), (9, 8), (10, 9), (11, 5), (12, 11), (13, 12),
        (14, 0), (15, 0), (16, 14), (17, 15),
    ),
    center=1,
    across=(2, 5),
    mirrored=((2, 5), (3, 6), (4, 7), (8, 11), (9, 12), (10, 13), (14, 15), (16, 17)),
)  # fmt: skip

register_layout(OPENPOSE_18.name)(OPENPOSE_18)
