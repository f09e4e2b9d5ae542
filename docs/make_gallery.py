"""Makes the pictures of ``docs/gallery.md`` from runs on generated data.

Run it with ``python docs/make_gallery.py`` in an environment with matplotlib and Pillow. It trains eight small runs in
a temporary folder (about three minutes of processor time) and writes ``docs/images/gallery/*.png``.
"""

import os
import runpy
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import torch
from PIL import Image
from torch_geometric.data import Data

import graphkit
from graphkit.experiments import RunFolder, build_config, distill_layer
from graphkit.experiments import run as run_experiment

IMAGES = Path(__file__).resolve().parent / "images" / "gallery"
#: Largest width of a picture in pixels.
WIDTH = 1400


def example(folder: Path) -> Path:
    """Runs the example of the front page, which draws its predictions."""
    (folder / "figures").mkdir(parents=True)
    os.chdir(folder / "figures")
    runpy.run_path(str(Path(__file__).resolve().parents[1] / "examples" / "networkx_graph.py"))
    os.chdir(IMAGES)
    return folder


def nodes(folder: Path) -> Path:
    """Trains a GCN on a graph of four groups."""
    generator = torch.Generator().manual_seed(0)
    group = torch.arange(400) % 4
    ends = torch.randint(400, (2, 12_000), generator=generator)
    likely = (group[ends[0]] == group[ends[1]]) | (torch.rand(12_000, generator=generator) < 0.1)
    edges = ends[:, (ends[0] < ends[1]) & likely].unique(dim=1)
    x = torch.eye(4)[group] + torch.randn(400, 4, generator=generator)
    data = Data(x=x, edge_index=torch.cat([edges, edges.flip(0)], dim=1), y=group)
    return graphkit.fit("gcn", data, epochs=80, seeds=5, split=[0.2, 0.2, 0.6], output=folder).report().parent


def links(folder: Path) -> Path:
    """Trains a link predictor on a graph of six groups."""
    generator = torch.Generator().manual_seed(0)
    group = torch.randint(6, (150,), generator=generator)
    ends = torch.randint(150, (2, 20_000), generator=generator)
    likely = (group[ends[0]] == group[ends[1]]) | (torch.rand(20_000, generator=generator) < 0.02)
    edges = ends[:, (ends[0] < ends[1]) & likely].unique(dim=1)
    x = torch.eye(6)[group] + 0.5 * torch.randn(150, 6, generator=generator)
    data = Data(x=x, edge_index=torch.cat([edges, edges.flip(0)], dim=1))
    return graphkit.fit("gcn", data, task="link-prediction", epochs=60, output=folder).report().parent


def factors(folder: Path) -> Path:
    """Trains FactorGCN on graphs of known patterns, with weak supervision."""
    settings = {"data.num_graphs": 1000, "train.epochs": 8}
    configuration = build_config("train", recipe="factorgcn-factor-graphs-weak", set=settings)
    return report(run_experiment(configuration, folder))


def paths(folder: Path) -> Path:
    """Trains SPAGAN on labels that lie three short edges away."""
    settings = {"data.transforms": [{"shortest-paths": {"max_hops": 3, "weight": "edge_length"}}], "model.max_hops": 3}
    return graphkit.fit("spagan", "path-signal", epochs=150, set=settings, output=folder).report().parent


def clips(folder: Path) -> Path:
    """Trains STIGCN on generated actions."""
    settings = {
        "model.channels": [16, 32],
        "model.blocks": [1, 1],
        "data.frames": 24,
        "train.optimizer": "sgd",
        "train.schedule": "cosine",
    }
    options = {"epochs": 12, "lr": 0.05, "batch_size": 32, "recipe": "none"}
    return graphkit.fit("stigcn", "synthetic-skeleton", set=settings, output=folder, **options).report().parent


def continual(folder: Path) -> Path:
    """Compares three strategies on nine tasks."""
    settings = {"data.name": "sbm-continual", "data.size": 30, "train.epochs": 30}
    return report(run_experiment(build_config("continual", set=settings, names="fine-tune,er-gnn,twp"), folder))


def distillation(folder: Path) -> Path:
    """Compares students without edges, alone and with a teacher."""
    layer = distill_layer(dataset="sbm-continual", teacher_model="gcn", student="mlp", epochs=40, seeds=3)
    return report(run_experiment(build_config("distill", layer, set={"data.size": 40}, names="kd,lsp"), folder))


def report(run: RunFolder) -> Path:
    """Writes the report of a run and returns its folder."""
    return run.report().parent


#: Figures of each run that the gallery shows.
SHOWN = {
    "example": ["predictions"],
    "nodes": ["curves", "confusion", "confidence"],
    "links": ["links"],
    "factors": ["factors", "correlation"],
    "paths": ["paths"],
    "clips": ["clips", "graphs"],
    "continual": ["matrices", "tasks"],
    "distillation": ["cost"],
}
#: Runs of the gallery, by name.
RUNS: dict[str, Callable[[Path], Path]] = {
    function.__name__: function for function in (example, nodes, links, factors, paths, clips, continual, distillation)
}


def save_small(source: Path, target: Path) -> None:
    """Writes a picture with at most 128 colors and :data:`WIDTH` pixels."""
    with Image.open(source) as picture:
        picture = picture.convert("RGB")
        picture.thumbnail((WIDTH, 4 * WIDTH))
        picture.quantize(128, dither=Image.Dither.NONE).save(target, optimize=True)


def main(*names: str) -> None:
    """Makes the pictures of the named runs, by default of all."""
    IMAGES.mkdir(parents=True, exist_ok=True)
    for name in names or RUNS:
        with tempfile.TemporaryDirectory() as folder:
            run = RUNS[name](Path(folder) / name)
            for figure in SHOWN[name]:
                target = IMAGES / f"{name}-{figure}.png"
                save_small(run / "figures" / f"{figure}.png", target)
                print(target.name, f"{target.stat().st_size / 1024:.0f} KiB")


if __name__ == "__main__":
    main(*sys.argv[1:])
