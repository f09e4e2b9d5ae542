from pathlib import Path

import pytest
import torch

from graphkit.data import load


@pytest.fixture
def meshes(tmp_path: Path) -> Path:
    """Two classes with a mesh each: a square, and a ridge over it."""
    shapes = {
        "2d_circle": "OFF\n4 2 0\n0 0 0\n4 0 0\n4 4 0\n0 4 0\n3 0 1 2\n3 0 2 3\n",
        "3d_ridge": "OFF\n3 1 0\n0 0 0\n1 0 0\n0 0 1\n3 0 1 2\n",
    }
    for name, text in shapes.items():
        for split_name in ("train", "test"):
            folder = tmp_path / "GeometricShapes" / "raw" / name / split_name
            folder.mkdir(parents=True)
            (folder / f"{name}.off").write_text(text)
    return tmp_path


def test_points_lie_on_the_surface_and_fit_into_the_cube(meshes: Path) -> None:
    data = load("geometric-shapes", root=meshes, num_points=50)
    assert repr(data.splits[0]) == "Split(18 train, 2 val, 20 test)" and len(data.graphs) == 40
    assert (data.num_features, data.num_outputs) == (3, 2)
    for index in (0, 15, 20, 39):
        cloud = data.graphs[index]
        flat = cloud.x[:, 2 if int(cloud.y) == 0 else 1]
        torch.testing.assert_close(flat, flat[:1].expand(50), atol=1e-6, rtol=0)  # both lie in a plane
        assert cloud.x.abs().max() <= 1 and cloud.num_edges == 0
    assert [int(graph.y) for graph in data.graphs] == ([0] * 10 + [1] * 10) * 2


def test_clouds_differ_and_the_seed_decides(meshes: Path) -> None:
    first, again, other = (load("geometric-shapes", root=meshes, num_points=9, seed=seed).graphs for seed in (1, 1, 2))
    assert torch.equal(first[3].x, again[3].x) and not torch.equal(first[3].x, other[3].x)
    assert not torch.equal(first[3].x, first[4].x) and not torch.equal(first[3].x, first[23].x)


def test_drawing_leaves_the_random_numbers_of_others_alone(meshes: Path) -> None:
    torch.manual_seed(0)
    expected = torch.rand(1)
    torch.manual_seed(0)
    load("geometric-shapes", root=meshes, num_points=9)
    assert torch.equal(torch.rand(1), expected)


def test_mistakes(meshes: Path) -> None:
    with pytest.raises(ValueError, match="`num_points` must be at least 2"):
        load("geometric-shapes", root=meshes, num_points=1)


def test_the_real_meshes(real: Path) -> None:
    data = load("geometric-shapes", root=real, num_points=16)
    assert repr(data.splits[0]) == "Split(360 train, 40 val, 400 test)" and data.num_outputs == 40
    y = torch.tensor([int(graph.y) for graph in data.graphs])
    assert torch.bincount(y[data.splits[0].val]).tolist() == [1] * 40
