"""Kinect v2 layout of 25 joints (NTU RGB+D)."""

from graphkit.registry import register_layout
from graphkit.skeleton.layout import SkeletonLayout

NTU_25 = SkeletonLayout(
    name="ntu-25",
    joints=(
        "base of spine", "middle of spine", "neck", "head",
        "left shoulder", "left elbow", "left wrist", "left hand",
        "right shoulder", "right elbow", "right wrist", "right hand",
        "left hip", "left knee", "left ankle", "left foot",
        "right hip", "right knee", "right ankle", "right foot",
        "spine", "left hand tip", "left thumb", "right hand tip", "right thumb",
    ),
    edges=(
        (0, 1), (1, 20), (2, 20), (3, 2),
        (4, 20), (5, 4), (6, 5), (7, 6),
        (8, 20), (9, 8), (10, 9), (11, 10),
        (12, 0), (13, 12), (14, 13), (15, 14),
        (16, 0), (17, 16), (18, 17), (19, 18),
        (21, 22), (22, 7), (23, 24), (24, 11),
    ),
    center=1,
    up=(0, 1),
    across=(8, 4),
    mirrored=(
        (4, 8), (5, 9), (6, 10), (7, 11), (12, 16), (13, 17), (14, 18), (15, 19), (21, 23), (22, 24),
    ),
)  # fmt: skip

register_layout(NTU_25.name)(NTU_25)
