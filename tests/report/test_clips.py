import re
from pathlib import Path

import numpy as np
import pytest
import torch

from graphkit.experiments import open_run
from graphkit.nn import STGCN, STIGCN
from graphkit.report import clip_animation, clip_strip, joint_weights, learned_graphs_picture, report
from graphkit.report.clips import learned_skeleton_picture, strongest_pairs
from graphkit.report.collect_clips import ClipExample, LearnedGraph, bones_between, flat, spread_out, standing_pose
from graphkit.skeleton import SkeletonLayout, get_layout
from tests.fitting import fit

from .test_page import check

LAYOUT = SkeletonLayout.from_edges([(1, 0), (2, 1), (3, 1)], up=(0, 1), across=(2, 3), name="small")


def body(turn: np.ndarray | None = None, frames: int = 5) -> np.ndarray:
    """Somebody whose spine is the z axis and whose shoulders are the x axis, or who is turned; ``[T, 2, 4, 3]``."""
    x = np.zeros((frames, 2, 4, 3), dtype=np.float32)
    x[:, 0] = [[0, 0, 1], [0, 0, 2], [-1, 0, 2], [1, 0, 2.5]]
    return x if turn is None else (x @ turn.T).astype(np.float32)


def test_bodies_are_drawn_upright_from_whatever_side_they_were_recorded() -> None:
    flat_pose = flat(body(), LAYOUT, 3)
    assert np.isnan(flat_pose[:, 1]).all() and np.isfinite(flat_pose[:, 0]).all()
    step = flat_pose[0, 0, 1] - flat_pose[0, 0, 0]
    assert step[0] == pytest.approx(0) and step[1] == pytest.approx(1)  # the spine points upwards, at its full length
    assert flat_pose[0, 0, 3, 0] > flat_pose[0, 0, 2, 0]
    turned = flat(body(np.array([[0, 0, 1.0], [1, 0, 0], [0, 1, 0]])), LAYOUT, 3)
    assert np.allclose(turned, flat_pose, atol=1e-6, equal_nan=True)
    plane = body()[..., [0, 2]] * np.array([1, -1])  # y of pictures points downwards
    assert np.allclose(flat(plane, LAYOUT, 2)[:, 0], body()[:, 0][..., [0, 2]])
    centered = body()
    centered[:, 0] -= centered[:, :1, LAYOUT.center]
    assert np.isfinite(flat(centered, LAYOUT, 3)[:, 0]).all() and np.isnan(flat(0 * centered, LAYOUT, 3)).all()
    unknown = SkeletonLayout.from_edges([(1, 0), (2, 1), (3, 1)])
    assert np.isfinite(flat(body(), unknown, 3)[:, 0]).all()


@pytest.mark.parametrize("cls", [STIGCN, STGCN])
def test_weights_are_gradient_times_input_of_each_joint(cls: type) -> None:
    torch.manual_seed(0)
    model = cls(2, 3, LAYOUT, 2, (8,), (1,)).eval()
    for parameter in model.parameters():
        parameter.data += 0.1 * torch.rand_like(parameter)
    x = torch.randn(6, 2, 4, 2)
    weights = joint_weights(model, x, 1)
    norm = model.norm_data
    inputs = norm(x.flatten(1)).detach().requires_grad_()
    handle = norm.register_forward_hook(lambda *_: inputs)
    model(x, [6])[0, 1].backward()
    handle.remove()
    expected = (inputs.grad * inputs).view(6, 2, 4, 2).sum(-1).abs()
    torch.testing.assert_close(weights, (expected / expected.sum()).detach(), atol=1e-6, rtol=1e-4)
    assert not norm._forward_hooks


def test_the_strongest_joints_are_named() -> None:
    weights = np.zeros((5, 2, 4))
    weights[2, 0, 3], weights[:, 1, 1] = 0.4, 0.12
    named = SkeletonLayout.from_edges(LAYOUT.edges, joints=("hip", "neck", "left", "right"))
    (first, share), (second, rest) = ClipExample("a clip", body(), weights, named, 3).strongest(2)
    assert (first, second) == ("neck", "right") and (share, rest) == (pytest.approx(0.6), pytest.approx(0.4))


def test_bones_are_counted_along_the_tree() -> None:
    assert bones_between(LAYOUT).tolist() == [[0, 1, 2, 2], [1, 0, 1, 1], [2, 1, 0, 2], [2, 1, 2, 0]]
    apart = bones_between(SkeletonLayout.from_edges([(1, 0)], 3))
    assert apart[0].tolist() == [0, 1, -1] and bones_between(get_layout("ntu-25")).min() == 0


@pytest.mark.parametrize("frames", [1, 3, 30])
def test_clips_of_any_length_become_a_strip_and_an_animation(frames: int, tmp_path: Path) -> None:
    from PIL import Image

    weights = np.full((frames, 2, 4), 1 / (8 * frames))
    examples = [ClipExample("first", body(frames=frames), weights, LAYOUT, 3)] * 2
    figure = clip_strip(examples)
    shown = [axis for subfigure in figure.subfigs for axis in subfigure.axes if axis.get_title()]
    assert len(shown) == 2 * min(frames, 8)
    if frames == 3:
        with Image.open(clip_animation(examples, tmp_path / "new" / "clips.gif")) as picture:
            assert picture.format == "GIF" and picture.size[0] > picture.size[1]


def test_learned_graphs_have_one_scale_and_show_the_bones_and_the_names_of_joints() -> None:
    graphs = [LearnedGraph(np.eye(4) * size, np.ones((4, 4))) for size in (0.5, 2.0, 0.0)]
    *axes, scale = learned_graphs_picture(graphs, LAYOUT).axes
    assert [axis.get_title() for axis in axes] == ["block 1", "block 2", "block 3"]
    assert {axis.images[0].get_clim() for axis in axes} == {(0, 2)} and scale.get_ylabel() == "mean absolute addition"
    assert [label.get_text() for label in axes[0].get_yticklabels()] == list(LAYOUT.joints)
    assert [label.get_text() for label in axes[2].get_xticklabels()] == list(LAYOUT.joints)
    assert all(len(axis.patches) == 2 * len(LAYOUT.edges) for axis in axes)


def test_learned_pairs_on_the_skeleton() -> None:
    added = np.zeros((4, 4))
    added[3, 1], added[0, 2], added[1, 1] = 0.5, 1.0, 9.0
    graph = LearnedGraph(added, np.ones((4, 4)))
    pose = standing_pose([ClipExample("clip", body(), np.zeros((5, 2, 4)), LAYOUT, 3)])
    assert pose.shape == (4, 2) and np.isfinite(pose).all()
    assert strongest_pairs(graph, pose) == [(0, 2, 1.0), (3, 1, 0.5)]  # without the diagonal
    figure = learned_skeleton_picture([graph] * 5, LAYOUT, pose)
    assert [axis.get_title() for axis in figure.axes] == ["block 1", "block 3", "block 5"]
    labels = [(text.get_text(), text.xy[1]) for text in figure.axes[0].texts]
    assert sorted(name for name, _ in labels) == list(LAYOUT.joints)
    assert len({height for _, height in labels}) >= 3  # close joints have labels apart
    assert len(figure.axes[0].patches) == 2
    pose[2] = np.nan
    assert strongest_pairs(graph, pose) == [(3, 1, 0.5)]


def test_the_report_of_a_run_on_clips(tmp_path: Path) -> None:
    config = {
        "model": {"name": "stigcn", "channels": [8], "blocks": [1]},
        "data": {"name": "synthetic-skeleton", "num_clips": 30, "frames": 12, "stream": "bone-motion"},
        "train": {"epochs": 1, "batch_size": 15},
    }
    fit(config, tmp_path / "run")
    text = report(tmp_path / "run").read_text(encoding="utf-8")
    check(re.sub(r"<\?xml.*?\?>|<!DOCTYPE svg.*?>", "", text, flags=re.DOTALL))
    for phrase in ("Clips with joint importance", "gradient times input", "Learned graphs", "Confusion matrix"):
        assert phrase in text
    assert text.count("data:image/gif;base64,") == 1 and "left out" not in text
    assert "block 2" in text and not re.search(r"""(?:src|href)=["'](?!#|data:)""", text)
    names = sorted(file.name for file in (tmp_path / "run" / "figures").iterdir())
    assert "Counts over the test items" in text
    assert names == [
        "clips.gif", "clips.png", "confidence.png", "confusion.png", "curves.png", "graphs.png", "scores.png",
        "skeleton.png",
    ]  # fmt: skip


def test_of_many_clips_only_some_are_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = {
        "model": {"name": "st-gcn", "channels": [4], "blocks": [1]},
        "data": {"name": "synthetic-skeleton", "num_clips": 60},
        "train": {"epochs": 1},
    }
    fit(config, tmp_path / "run")
    run = open_run(tmp_path / "run")
    total = int(run.dataset.graphs.lengths[run.split.test].sum())
    assert spread_out(run, total).tolist() == run.split.test.tolist()
    assert spread_out(run, total // 3 + 1).tolist() == run.split.test[::3].tolist()
