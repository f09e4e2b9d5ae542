"""COCO layout of 17 keypoints, common in 2D pose estimation."""

from graphkit.registry import register_layout
from graphkit.skeleton.layout import SkeletonLayout

COCO_17 = SkeletonLayout(
    name="coco-17",
    joints=(
        "nose", "left eye", "right eye", "left ear", "right ear",
        "left shoulder", "right shoulder", "left elbow", "right elbow", "left wrist", "right wrist",
        "left hip", "right hip", "left knee", "right knee", "left ankle", "right ankle",
    ),
    edges=(
        (1, 0), (2, 0), (3, 1), (4, 2),
        (5, 0), (6, 0), (7, 5), (8, 6), (9, 7), (10, 8),
        (11, 5), (12, 6), (13, 11), (14, 12), (15, 13), (16, 14),
    ),
    center=0,
    across=(6, 5),
    mirrored=((1, 2), (3, 4), (5, 6), (7, 8), (9, 10), (11, 12), (13, 14), (15, 16)),
)  # fmt: skip

register_layout(COCO_17.name)(COCO_17)
