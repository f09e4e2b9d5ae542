"""Point clouds drawn from the surfaces of meshes: geometric shapes and ModelNet."""

import hashlib
from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torch_geometric.data import Data
from torch_geometric.datasets import GeometricShapes, ModelNet
from torch_geometric.transforms import Compose, NormalizeScale, SamplePoints

from graphkit.data.collection import GraphCollection
from graphkit.data.dataset import GraphDataset, Split
from graphkit.data.raw_files import read_raw
from graphkit.data.source import Request, Source, dataset
from graphkit.data.splits import stratified_folds
from graphkit.errors import InputError

SOURCES = {
    "geometric-shapes": Source(
        "GeometricShapes", "raw", ("2d_circle",), "https://github.com/Yannick-S/geometric_shapes/raw/master/raw.zip"
    ),
    "modelnet10": Source("ModelNet10", "raw", ("bathtub", "toilet"), ModelNet.urls["10"]),
    "modelnet40": Source("ModelNet40", "raw", ("airplane", "xbox"), ModelNet.urls["40"]),
}
CITATIONS = {
    "geometric-shapes": "Steppuhn, geometric shapes; the meshes of the test are those of the training",
    "modelnet10": "Wu et al., 3D ShapeNets, CVPR 2015",
    "modelnet40": "Wu et al., 3D ShapeNets, CVPR 2015",
}


@dataset(SOURCES, task="graph-classification")
def point_clouds(request: Request, *, num_points: int = 1024, copies: int = 0, seed: int = 0) -> GraphDataset:
    """Draws points evenly from the surfaces of meshes; clouds are centred and fit into a cube of side 2.

    Clouds have no edges: a model such as DGCNN makes its own. A tenth of the training clouds, drawn evenly from the
    classes, are for validation. ``geometric-shapes`` has one mesh for each of 40 classes, the same for training and for
    testing: of them, clouds differ in the points drawn alone, and scores say nothing of shapes never seen.

    Args:
        request: Which data set is asked for.
        num_points: Points of a cloud.
        copies: Clouds drawn from each mesh; 0 for 10 of ``geometric-shapes`` and one of the others.
        seed: Seed of the points.
    """
    if num_points < 2 or copies < 0:
        raise InputError(f"`num_points` must be at least 2, and `copies` not negative (got {num_points} and {copies})")
    copies = copies or (10 if request.name == "geometric-shapes" else 1)
    train, test = (read_raw(request, _reader(request.name, part)) for part in (True, False))
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
        citation=f"{CITATIONS[request.name]}; {num_points} points a cloud, seed {seed}",
    )


def _reader(name: str, train: bool) -> Callable[[str], Sequence[Data]]:
    def read(root: str) -> Sequence[Data]:
        meshes = GeometricShapes(root, train) if name == "geometric-shapes" else ModelNet(root, name[8:], train)
        return [meshes[index] for index in range(len(meshes))]

    return read


def _ordered(meshes: Sequence[Data]) -> list[Data]:
    """Returns the meshes by class and content: their files come in an order that depends on the file system."""
    return sorted(meshes, key=lambda m: (int(m.y), hashlib.sha256(m.pos.numpy().tobytes()).digest()))  # type: ignore[arg-type, union-attr]


def _draw(meshes: Sequence[Data], num_points: int, copies: int, seed: int) -> list[Data]:
    """Returns ``copies`` clouds of each mesh, one after the other."""
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
    """Returns the published test clouds, and the others cut into training and validation."""
    fold = stratified_folds(y[:num_train])[0]
    return Split(fold.train, fold.test, torch.arange(num_train, y.numel()))
