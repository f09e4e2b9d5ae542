"""Kinect v1 layout of 20 joints (NW-UCLA)."""

from graphkit.registry import register_layout
from graphkit.skeleton.layout import SkeletonLayout

NW_UCLA_20 = SkeletonLayout(
    name="nw-ucla-20",
    joints=(
        "middle of hips", "spine", "neck", "head",
        "left shoulder", "left elbow", "left wrist", "left hand",
        "right shoulder", "right elbow", "right wrist", "right hand",
        "left hip", "left knee", "left ankle", "left foot",
        "right hip", "right knee", "right ankle", "right foot",
    ),
    edges=(
        (0, 1), (1, 2), (3, 2),
        (4, 2), (5, 4), (6, 5), (7, 6),
        (8, 2), (9, 8), (10, 9), (11, 10),
        (12, 0), (13, 12), (14, 13), (15, 14),
        (16, 0), (17, 16), (18, 17), (19, 18),
    ),
    center=1,
    up=(0, 1),
    across=(8, 4),
    mirrored=((4, 8), (5, 9), (6, 10), (7, 11), (12, 16), (13, 17), (14, 18), (15, 19)),
)  # fmt: skip

register_layout(NW_UCLA_20.name)(NW_UCLA_20)
