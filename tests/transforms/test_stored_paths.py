from pathlib import Path
from typing import Any

import pytest
import torch
from torch_geometric.data import HeteroData

from graphkit.data import load
from graphkit.experiments import evaluate_run, open_run, write_paths
from graphkit.nn import SPAGAN
from graphkit.transforms import ShortestPaths, StoredPaths, build
from tests.fitting import fit
from tests.sampling.test_shortest_path_loader import large

#: Batches of ten nodes, which the paths in memory are cut into, too.
CONFIG: dict[str, Any] = {
    "model": {"name": "spagan", "hidden_channels": 8, "heads": 2, "max_hops": 3},
    "data": {"name": "karate"},
    "train": {"epochs": 3, "batch_size": 10},
}


def with_transform(transform: dict[str, Any]) -> dict[str, Any]:
    return {**CONFIG, "data": {**CONFIG["data"], "transforms": ["self-loops", transform]}}


def test_a_run_on_stored_paths_is_one_on_paths_in_memory(tmp_path: Path) -> None:
    in_memory = with_transform({"shortest-paths": {"max_hops": 3, "ratio": 0.5}})
    write_paths(load("karate").graphs[0], tmp_path / "paths", max_hops=3, ratio=0.5, block=8)
    in_files = with_transform({"stored-paths": str(tmp_path / "paths")})
    searched, stored = fit(in_memory, tmp_path / "searched"), fit(in_files, tmp_path / "stored")
    assert stored["test"] == searched["test"] and stored["validation"] == searched["validation"]
    losses = [[row["loss"] for row in open_run(tmp_path / name).metrics] for name in ("searched", "stored")]
    assert losses[0] == losses[1]
    assert evaluate_run(open_run(tmp_path / "stored"))["test"] == stored["test"]


def test_without_a_batch_size_batches_are_taken_as_well(tmp_path: Path) -> None:
    write_paths(load("karate").graphs[0], tmp_path / "paths", max_hops=3)
    config = {**with_transform({"stored-paths": str(tmp_path / "paths")}), "train": {"epochs": 1}}
    assert fit(config, tmp_path / "run")["epochs"] == [1]


def test_features_and_paths_may_both_stay_in_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRAPHKIT_CACHE", str(tmp_path / "cache"))
    size = {"num_nodes": 2000, "num_edges": 6000, "num_features": 8}
    dataset = load("sbm-2m", **size)
    write_paths(dataset.graphs[0], tmp_path / "paths", ratio=1.0, block=700)
    losses = []
    for transform in ({"stored-paths": str(tmp_path / "paths")}, {"shortest-paths": {"ratio": 1.0}}):
        folder = tmp_path / next(iter(transform))
        data = {"name": "sbm-2m", "transforms": [transform], **size}
        fit({"model": {**CONFIG["model"], "max_hops": 2}, "data": data, "train": {"epochs": 2}}, folder)
        losses.append([row["loss"] for row in open_run(folder).metrics])
    assert dataset.mapped and losses[0] == losses[1]


def test_what_does_not_fit_is_refused(tmp_path: Path) -> None:
    data = large(num_nodes=60)
    with pytest.raises(FileNotFoundError, match="is not a path set"):
        StoredPaths(str(tmp_path))(data)
    write_paths(data, tmp_path / "set")
    transform = build([{"stored-paths": str(tmp_path / "set")}])
    assert transform is not None
    named = transform(data)
    assert named.path_set == str(tmp_path / "set") and "path_set" not in data
    with pytest.raises(ValueError, match="are read in batches"):
        SPAGAN(5, 3).inputs(named)
    with pytest.raises(ValueError, match="got another graph of 60 nodes"):
        transform(large(num_nodes=60, seed=1))
    with pytest.raises(ValueError, match="got one that has paths already"):
        transform(ShortestPaths()(data))
    with pytest.raises(ValueError, match="got HeteroData"):
        transform(HeteroData())
    assert torch.equal(named.edge_index, data.edge_index)
