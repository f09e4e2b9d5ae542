"""Data of the figures of skeleton clips: joint importance and learned graphs."""

from collections.abc import Sequence
from typing import NamedTuple, cast

import numpy as np
import torch
from torch import Tensor

from graphkit.data import ClipCollection, SkeletonDataset
from graphkit.experiments import RunFolder
from graphkit.nn import STIGCN, SkeletonModel
from graphkit.report.no_picture import NoPicture
from graphkit.skeleton import SkeletonLayout

#: Number of test clips for the mean of learned matrices.
AVERAGED = 32
#: Limits on evaluated frames (times persons), for the choice of clips and for the confusion matrix.
LOOKED_AT = 20_000
#: Azimuth of the view of 3D skeletons in radians.
_TURN = 0.5


class ClipExample(NamedTuple):
    """Clip with joint importance.

    Args:
        title (str): True and predicted action.
        x (array): ``[T, P, V, C]``, coordinates of the joints.
        weights (array): ``[T, P, V]``, fraction of the score per joint and frame, which sum to one.
        layout (SkeletonLayout): Joints and bones.
        coordinates (int): Number of channels that are coordinates.
    """

    title: str
    x: np.ndarray
    weights: np.ndarray
    layout: SkeletonLayout
    coordinates: int

    def strongest(self, count: int = 5) -> list[tuple[str, float]]:
        """Returns the joints with the largest total weights, and the weights."""
        total = self.weights.sum(axis=(0, 1))
        order = np.argsort(-total, kind="stable")[:count]
        return [(self.layout.joints[joint], float(total[joint])) for joint in order]


class LearnedGraph(NamedTuple):
    """Learned additions of a block to its fixed matrices.

    Args:
        added (array): ``[V, V]``, mean absolute addition over matrices and clips; row = source, column = target joint.
        fixed (array): ``[V, V]``, mean absolute value of the fixed matrices.
    """

    added: np.ndarray
    fixed: np.ndarray


def has_clips(fit: RunFolder) -> bool:
    """Returns whether the data of a run are skeleton clips."""
    return fit.dataset.holds == "skeleton clips"


def has_learned_graphs(fit: RunFolder) -> bool:
    """Returns whether the model of a run learns graphs of joints."""
    return has_clips(fit) and cast(SkeletonModel, fit.model).returns_joint_attention


def clip_examples(fit: RunFolder) -> list[ClipExample]:
    """Returns the test clips with the largest, the median and the smallest confidence.

    Raises:
        NoPicture: If there is no test clip.
    """
    _check_test(fit)
    dataset, model = cast(SkeletonDataset, fit.dataset), cast(SkeletonModel, fit.model)
    clips = dataset.graphs
    ids = spread_out(fit, LOOKED_AT)
    probabilities = torch.cat([_probabilities(model, clips, chunk) for chunk in ids.split(50)])
    sure = probabilities.gather(1, clips.y[ids][:, None]).view(-1)
    order = sure.argsort(descending=True, stable=True).tolist()
    names = dataset.class_names or tuple(map(str, range(dataset.num_outputs)))
    joints = ClipCollection(
        clips.x, clips.lengths, clips.y, clips.layout, clips.names, "joint", clips.coordinates, clips.frames, clips.fit
    )
    examples = []
    for index in dict.fromkeys((order[0], order[len(order) // 2], order[-1])):
        clip = int(ids[index])
        taken, truth = int(probabilities[index].argmax()), int(clips.y[clip])
        what = names[truth] if taken == truth else f"{names[truth]}, taken for {names[taken]}"
        title = f"{what} ({float(probabilities[index, taken]):.0%})"
        weights = joint_weights(model, clips.batch([clip]).x, taken)
        x = joints.batch([clip]).x
        examples.append(ClipExample(title, x.numpy(), weights.numpy(), dataset.layout, clips.coordinates))
    return examples


def joint_weights(model: SkeletonModel, x: Tensor, action: int) -> Tensor:
    """Computes the joint importance for an action: absolute gradient times input.

    The input is taken after the first norm, so that zero is the mean position of a joint over the training clips.

    Args:
        model (SkeletonModel): Clip model in evaluation mode.
        x (Tensor): ``[T, P, V, C]``, one preprocessed clip.
        action (int): The action.

    Returns:
        Weights ``[T, P, V]``, which sum to one.
    """
    kept: list[Tensor] = []

    def keep(_module: object, _inputs: object, output: Tensor) -> Tensor:
        kept.append(output.detach().requires_grad_())
        return kept[0]

    handle = model.norm_data.register_forward_hook(keep)
    try:
        with torch.enable_grad():
            score = model(x, [x.size(0)])[0, action]
            (gradient,) = torch.autograd.grad(score, kept)
    finally:
        handle.remove()
    share = (gradient * kept[0].detach()).view(x.shape).sum(dim=-1).abs()
    return share / share.sum().clamp(min=1e-12)


def learned_graphs(fit: RunFolder) -> list[LearnedGraph]:
    """Returns the mean learned additions of each block of an STIGCN over test clips.

    Raises:
        NoPicture: If there is no test clip.
    """
    _check_test(fit)
    model, dataset = cast(STIGCN, fit.model), fit.dataset
    ids = fit.split.test[:: max(1, -(-fit.split.test.numel() // AVERAGED))]
    batch = dataset.graphs.batch(ids)  # type: ignore[attr-defined]
    with torch.inference_mode():
        _, matrices = model(batch.x, batch.lengths, return_attention=True)
    blocks = [model.first, *(block for stage in model.stages for block in stage)]  # type: ignore[attr-defined]
    graphs = []
    for block, matrix in zip(blocks, matrices, strict=True):
        supports = block.supports  # type: ignore[union-attr]
        added = (matrix - supports).abs().mean(dim=(0, 1))
        graphs.append(LearnedGraph(added.numpy(), supports.abs().mean(dim=0).numpy()))
    return graphs


def flat(x: np.ndarray, layout: SkeletonLayout, coordinates: int) -> np.ndarray:
    """Projects clips to 2D, upright and with a small azimuth: ``[T, P, V, 2]``.

    The spine of the first person is rotated upright, averaged over the first quarter of the frames, to correct tilted
    cameras. Missing joints are NaN.

    Args:
        x (array): ``[T, P, V, C]``.
        layout (SkeletonLayout): Joints and bones; ``up`` and ``across`` define the orientation.
        coordinates (int): Number of channels that are coordinates.
    """
    positions = x[..., :coordinates].astype(np.float64)
    seen = np.asarray(positions.any(axis=-1, keepdims=True))
    seen[:, 0, layout.center] |= seen[:, 0].any(axis=1)  # in centered clips this joint is at the origin
    if coordinates == 1:
        positions = np.concatenate([positions, np.zeros_like(positions)], axis=-1)
    elif coordinates == 2:
        up = _direction(positions, seen, layout.up)
        positions = positions * np.array([1.0, -1.0 if up is not None and up[1] < 0 else 1.0])
    else:
        positions = positions[..., :3]
        spine = _direction(positions, seen, layout.up)
        up = np.array([0.0, 0.0, 1.0]) if spine is None else spine / np.linalg.norm(spine)
        shoulders = _direction(positions, seen, layout.across)
        if shoulders is None or np.linalg.norm(shoulders - shoulders @ up * up) < 1e-6:
            shoulders = np.roll(up, 1)
        across = shoulders - shoulders @ up * up
        across /= np.linalg.norm(across)
        side = np.cos(_TURN) * across + np.sin(_TURN) * np.cross(up, across)
        positions = np.stack([positions @ side, positions @ up], axis=-1)
    return np.where(seen, positions, np.nan)


def standing_pose(examples: Sequence[ClipExample]) -> np.ndarray:
    """Returns the joints ``[V, 2]`` of the most upright frame of clips.

    Args:
        examples (list[ClipExample]): Clips.
    """
    poses = [pose for example in examples for pose in flat(example.x, example.layout, example.coordinates)[:, 0]]
    complete = max(int(np.isfinite(pose).all(axis=-1).sum()) for pose in poses)
    poses = [pose for pose in poses if np.isfinite(pose).all(axis=-1).sum() == complete]
    return max(poses, key=lambda pose: float(np.ptp(pose[np.isfinite(pose).all(axis=-1), 1])))


def _direction(positions: np.ndarray, seen: np.ndarray, joints: tuple[int, ...]) -> np.ndarray | None:
    """Returns the direction between two joints of the first person in early frames."""
    if not joints:
        return None
    both = np.flatnonzero(seen[:, 0, joints[0], 0] & seen[:, 0, joints[1], 0])
    early = both[: -(-both.size // 4)]
    direction = (positions[early, 0, joints[1]] - positions[early, 0, joints[0]]).sum(axis=0)
    return direction if np.linalg.norm(direction) > 1e-9 else None


def bones_between(layout: SkeletonLayout) -> np.ndarray:
    """Returns the number of bones between joints ``[V, V]``, -1 if not connected."""
    count = layout.num_joints
    steps = np.full((count, count), -1)
    neighbors: list[list[int]] = [[] for _ in range(count)]
    for child, parent in layout.edges:
        neighbors[child].append(parent)
        neighbors[parent].append(child)
    for start in range(count):
        steps[start, start], ring = 0, [start]
        while ring:
            after = [other for joint in ring for other in neighbors[joint] if steps[start, other] < 0]
            for other in after:
                steps[start, other] = min(steps[start, joint] for joint in neighbors[other] if joint in ring) + 1
            ring = list(dict.fromkeys(after))
    return steps


def spread_out(fit: RunFolder, most: int) -> Tensor:
    """Returns evenly spaced test clips with about ``most`` frames times persons."""
    dataset, ids = cast(SkeletonDataset, fit.dataset), fit.split.test
    clips = dataset.graphs
    frames = clips.frames * ids.numel() if clips.frames else int(clips.lengths[ids].sum())
    return ids[:: max(1, -(-frames * dataset.num_persons // most))]


def _check_test(fit: RunFolder) -> None:
    if not fit.split.test.numel():
        raise NoPicture("there is no test clip")


def _probabilities(model: SkeletonModel, clips: ClipCollection, ids: Tensor | Sequence[int]) -> Tensor:
    batch = clips.batch(ids)
    with torch.inference_mode():
        return model(batch.x, batch.lengths).softmax(dim=-1)
