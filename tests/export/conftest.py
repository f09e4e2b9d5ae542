"""A small run on clips, and clips in files."""

import importlib.util
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from graphkit.data import load
from graphkit.experiments import open_run
from graphkit.export import export_run
from tests.fitting import fit

HAS_ONNX = all(importlib.util.find_spec(name) for name in ("onnx", "onnxscript", "onnxruntime"))

CONFIG: dict[str, Any] = {
    "model": {"name": "stigcn", "channels": [8], "blocks": [1], "dropout": 0.0},
    "data": {"name": "synthetic-skeleton", "num_clips": 36, "seed": 0, "stream": "bone", "align": True},
    "train": {"epochs": 2, "batch_size": 12, "lr": 0.01},
}


@pytest.fixture(scope="session")
def clip_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("deploy") / "run"
    fit(CONFIG, folder)
    return folder


@pytest.fixture(scope="session")
def graph_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("deploy") / "graph"
    fit({"model": {"name": "gcn"}, "data": {"name": "karate"}, "train": {"epochs": 1}}, folder)
    return folder


@pytest.fixture(scope="session")
def clips_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The clips of the run's data set as they were before they were prepared."""
    folder = tmp_path_factory.mktemp("deploy") / "clips"
    folder.mkdir()
    raw = load("synthetic-skeleton", num_clips=36, seed=0, center="none")
    for number in range(36):
        np.save(folder / f"clip-{number:02d}.npy", raw.graphs[number].x.numpy())
    return folder


@pytest.fixture(scope="session", params=["onnx", "pt2"])
def exported(request: pytest.FixtureRequest, clip_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run as a file of each format."""
    if request.param == "onnx" and not HAS_ONNX:
        pytest.skip("needs onnx, onnxscript and onnxruntime: pip install onnx onnxruntime onnxscript")
    path = tmp_path_factory.mktemp("exported") / f"model.{request.param}"
    result = export_run(open_run(clip_run), request.param, path)
    assert result["batch_sizes"] == [1, 8] and result["bytes"] == path.stat().st_size
    assert result["random"] < 1e-4 and result["real"] < 1e-4
    return path
