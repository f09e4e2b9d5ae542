"""Point clouds sampled from meshes: geometric shapes and ModelNet."""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch_geometric.data import Data
from torch_geometric.datasets import ModelNet
from torch_geometric.transforms import Compose, NormalizeScale, SamplePoints

from graphkit.data.collection import GraphCollection
from graphkit.data.dataset import GraphDataset, Split
from graphkit.data.dataset_info import Request, Source, dataset
from graphkit.data.raw_files import read_cached
from graphkit.data.raw_tables import open_text, reading
from graphkit.data.sources import NO_LICENSE
from graphkit.data.splits import stratified_folds
from graphkit.errors import InputError

SHAPES = "https://github.com/Yannick-S/geometric_shapes/raw/master/raw.zip"
MODELNET_10, MODELNET_40 = (ModelNet.urls[size].replace("http://", "https://") for size in ("10", "40"))


def _modelnet(folder: str, classes: tuple[str, ...], address: str) -> Source:
    return Source(
        folder,
        "raw",
        classes,
        address,
        urls=(address,),
        citation="Wu et al., 3D ShapeNets, CVPR 2015",
        license="for academic research; the authors of the shapes hold the copyright",
    )


SOURCES = {
    "geometric-shapes": Source(
        "GeometricShapes",
        "raw",
        ("2d_circle",),
        SHAPES,
        urls=(SHAPES,),
        citation="Steppuhn, geometric shapes; the meshes of the test are those of the training",
        license=NO_LICENSE,
        num_bytes=915_574,
    ),
    "modelnet10": _modelnet("ModelNet10", ("bathtub", "toilet"), MODELNET_10),
    "modelnet40": _modelnet("ModelNet40", ("airplane", "xbox"), MODELNET_40),
}


@dataset(SOURCES, task="graph-classification")
def point_clouds(request: Request, *, num_points: int = 1024, copies: int = 0, seed: int = 0) -> GraphDataset:
    """Samples points uniformly from meshes, centered and scaled to a cube of side 2.

    Point clouds have no edges; models such as DGCNN compute them. A stratified tenth of the training clouds is used for
    validation. ``geometric-shapes`` has one mesh for each of 40 classes, which training and test share: its clouds
    differ in the sampled points only, and its scores do not measure generalization to new shapes.

    Args:
        request (Request): Request for the data set.
        num_points (int, optional): Number of points per cloud. (default: ``1024``)
        copies (int, optional): Number of clouds per mesh; 0 for 10 (``geometric-shapes``) or 1 (others). (default:
            ``0``)
        seed (int, optional): Random seed of the points. (default: ``0``)
    """
    if num_points < 2 or copies < 0:
        raise InputError(f"`num_points` must be at least 2, and `copies` not negative (got {num_points} and {copies})")
    copies = copies or (10 if request.name == "geometric-shapes" else 1)
    content = read_cached(request, lambda raw: _read(raw, request.name == "geometric-shapes"))
    train, test = ([Data(**mesh) for mesh in content[subset]] for subset in ("train", "test"))
    clouds = _draw(_ordered(train), num_points, copies, seed) + _draw(_ordered(test), num_points, copies, seed + 1)
    y = torch.cat([cloud.y for cloud in clouds])
    count = len(train) * copies
    return GraphDataset(
        name=request.name,
        task="graph-classification",
        graphs=GraphCollection.from_list(clouds),
        splits=(_split(y, count),),
        num_features=3,
        num_outputs=int(y.max()) + 1,
        metric="accuracy",
        citation=f"{request.source.citation}; {num_points} points a cloud, seed {seed}",
    )


def _read(raw: Path, center: bool) -> dict[str, Any]:
    """Reads the training and test meshes from ``CLASS/train`` and ``CLASS/test``.

    Args:
        raw (Path): Folder of the classes.
        center (bool): Moves the mean of the vertices of each mesh to the origin.
    """
    folders = sorted(path for path in raw.iterdir() if path.is_dir())
    meshes: dict[str, Any] = {"train": [], "test": []}
    for label, folder in enumerate(folders):
        for subset, mesh_list in meshes.items():
            for path in sorted(folder.joinpath(subset).glob("*.off")):
                pos, face = _read_off(path)
                pos = pos - pos.mean(dim=0, keepdim=True) if center else pos
                mesh_list.append({"pos": pos, "face": face, "y": torch.tensor([label])})
    if not all(meshes.values()):
        raise InputError("there must be meshes (.off) in CLASS/train and in CLASS/test")
    return meshes


def _read_off(path: Path) -> tuple[Tensor, Tensor]:
    """Reads vertices ``[N, 3]`` and triangles ``[3, F]``; quadrilaterals are divided."""
    with reading(path), open_text(path) as file:
        lines = [line for line in file if line.strip()]
        if not lines or lines[0][:3] != "OFF":
            raise InputError(f"{path.name}: it must begin with OFF")
        lines[:1] = [rest] if (rest := lines[0][3:].strip()) else []  # some files have the counts on the same line
        num_corners, num_faces = (int(count) for count in lines[0].split()[:2])
        corners, faces = lines[1 : 1 + num_corners], lines[1 + num_corners : 1 + num_corners + num_faces]
        if min(num_corners, num_faces) < 1 or (len(corners), len(faces)) != (num_corners, num_faces):
            raise InputError(f"{path.name}: it must have {num_corners} corners and {num_faces} faces")
        pos = torch.from_numpy(np.array([line.split()[:3] for line in corners], dtype=np.float64)).float()
        rows = [[int(number) for number in line.split()] for line in faces]
        squares = [row[1:5] for row in rows if row[0] == 4]
        triangles = [row[1:4] for row in rows if row[0] == 3]
        triangles += [[a, b, c] for a, b, c, _ in squares] + [[a, c, d] for a, _, c, d in squares]
        face = torch.tensor(triangles, dtype=torch.long).view(-1, 3).t().contiguous()
        exist = not face.numel() or 0 <= int(face.min()) <= int(face.max()) < num_corners
        if not exist or not bool(torch.isfinite(pos).all()):
            raise InputError(f"{path.name}: a corner is not finite, or a face names one that does not exist")
        return pos, face


def _ordered(meshes: Sequence[Data]) -> list[Data]:
    """Returns the meshes sorted by class and content, independent of the file system."""
    return sorted(meshes, key=lambda m: (int(m.y), hashlib.sha256(m.pos.numpy().tobytes()).digest()))  # type: ignore[arg-type, union-attr]


def _draw(meshes: Sequence[Data], num_points: int, copies: int, seed: int) -> list[Data]:
    """Returns ``copies`` point clouds of each mesh, mesh after mesh."""
    draw = Compose([SamplePoints(num_points), NormalizeScale()])
    clouds = []
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        for mesh in meshes:
            if mesh.face is None or not mesh.face.numel():
                raise InputError("a mesh must have faces to draw points from (got one without)")
            for _ in range(copies):
                points = draw(Data(pos=mesh.pos, face=mesh.face)).pos
                clouds.append(Data(x=points, edge_index=torch.empty(2, 0, dtype=torch.long), y=mesh.y))
    return clouds


def _split(y: Tensor, num_train: int) -> Split:
    """Returns the published test clouds, and a split of the others."""
    fold = stratified_folds(y[:num_train])[0]
    return Split(fold.train, fold.test, torch.arange(num_train, y.numel()))
