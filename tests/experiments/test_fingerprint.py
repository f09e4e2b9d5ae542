"""Fingerprints: the same for the same data in every process, and what differs is named."""

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from torch_geometric.data import Data

from graphkit.data import GraphDataset, Split, load
from graphkit.errors import InputError
from graphkit.experiments import evaluate_run, open_run
from graphkit.files import read_json, write_json
from graphkit.training.fingerprint import _sample, changed, check_origin, fingerprint
from graphkit.training.train_config import TrainConfig
from tests.fitting import fit, fit_continual, load_dataset, resume, resume_continual

FREE = TrainConfig.free_settings
DATA: list[dict[str, Any]] = [
    {"name": "karate"},
    {"name": "factor-graphs", "num_graphs": 12},
    {"name": "synthetic-skeleton", "num_clips": 12, "frames": 4},
]


def dataset_of(x: Tensor, edge_index: Tensor, y: Tensor) -> GraphDataset:
    ids = torch.arange(y.numel())
    graph = Data(x=x, edge_index=edge_index, y=y)
    return GraphDataset(
        "mine", "node-classification", (graph,), (Split(ids[:2], ids[2:3], ids[3:]),), x.size(1), 2, "accuracy"
    )


@pytest.fixture
def parts() -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(0)
    return {
        "x": torch.randn(5, 3, generator=generator),
        "edge_index": torch.tensor([[0, 1, 2], [1, 2, 3]]),
        "y": torch.tensor([0, 1, 0, 1, 1]),
    }


@pytest.mark.parametrize("options", DATA, ids=lambda options: options["name"])
def test_the_same_in_another_process(options: dict[str, Any]) -> None:
    options = {**options, **({} if options["name"] == "karate" else {"seed": 0})}
    name = options.pop("name")
    code = (
        "from graphkit.data import load; from graphkit.training.fingerprint import fingerprint; "
        f"print(fingerprint(load({name!r}, **{options!r})))"
    )
    other = subprocess.run([sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, check=False)
    assert other.returncode == 0, other.stderr
    assert eval(other.stdout) == fingerprint(load(name, **options))


@pytest.mark.parametrize(
    ("name", "index", "value"), [("x", (1, 2), 0.25), ("y", 2, 1), ("edge_index", (1, 0), 4)], ids=["x", "y", "edges"]
)
def test_one_number_that_changes_is_named(parts: dict[str, Tensor], name: str, index: Any, value: float) -> None:
    before = fingerprint(dataset_of(**parts))
    parts[name] = parts[name].clone()
    parts[name][index] += value
    assert changed(before, fingerprint(dataset_of(**parts))) == f"`{name}` differs"


def test_rows_that_change_places_and_other_shapes_are_named(parts: dict[str, Tensor]) -> None:
    before = fingerprint(dataset_of(**parts))
    assert changed(before, fingerprint(dataset_of(**{**parts, "x": parts["x"].flip(0)}))) == "`x` differs"
    wider = fingerprint(dataset_of(**{**parts, "x": torch.zeros(5, 4)}))
    assert changed(before, wider) == "`x` was float32 [5, 3] and is float32 [5, 4]"
    assert changed(before, {**before, "edge_weight": "float32 [3] 1"}) == "`edge_weight` is new"
    assert changed({**before, "edge_weight": "float32 [3] 1"}, before) == "`edge_weight` is gone"


def test_another_split_is_named(parts: dict[str, Tensor]) -> None:
    dataset = dataset_of(**parts)
    (split,) = dataset.splits
    other = dataset.replace(splits=(Split(split.train, split.test, split.val),))
    assert changed(fingerprint(dataset), fingerprint(other)) == "`splits` differs"


def test_the_last_bit_of_features_is_no_difference(parts: dict[str, Tensor]) -> None:
    before = fingerprint(dataset_of(**parts))
    rounded = torch.nextafter(parts["x"], torch.full_like(parts["x"], 9.0))  # as another processor computes them
    now = fingerprint(dataset_of(**{**parts, "x": rounded}))
    assert before != now and not changed(before, now)


def test_missing_numbers_count(parts: dict[str, Tensor]) -> None:
    with_gap = parts["x"].clone()
    with_gap[0, 0] = float("nan")
    first = fingerprint(dataset_of(**{**parts, "x": with_gap}))
    assert "nan" not in first["x"] and changed(fingerprint(dataset_of(**parts)), first) == "`x` differs"


def test_of_a_large_tensor_stretches_are_read() -> None:
    large = torch.arange(10**6).view(2, -1)
    sample = _sample(large, 8 * 10**4)
    assert 5000 < sample.numel() <= 10**4 and sample.size(0) == 2
    assert sample[:, 0].tolist() == large[:, 0].tolist() and sample[:, -1].tolist() == large[:, -1].tolist()


def write_csv(folder: Path, label: str = "a") -> None:
    folder.mkdir(exist_ok=True)
    parts = ["train"] * 4 + ["val"] * 2 + ["test"] * 2
    rows = [f"n{k},{label if k == 7 else 'ab'[k % 2]},{split_name},{k}.5" for k, split_name in enumerate(parts)]
    (folder / "nodes.csv").write_text("\n".join(["id,label,split,f", *rows, ""]))
    edges = [f"n{k},n{(k + 1) % 8}" for k in range(8)]
    (folder / "edges.csv").write_text("\n".join(["source,target", *edges, ""]))


def test_data_that_change_after_training_are_refused(tmp_path: Path) -> None:
    write_csv(tmp_path / "data", "b")
    config = {"model": {"name": "gcn"}, "data": {"name": str(tmp_path / "data")}, "train": {"epochs": 2}}
    folder = tmp_path / "run"
    result = fit(config, folder)
    assert evaluate_run(open_run(folder))["test"] == result["test"]
    write_csv(tmp_path / "data", "a")
    message = r"have changed since the run .* was trained \(`y` differs\); restore them, or train again"
    for use in (
        lambda: evaluate_run(open_run(folder)),
        lambda: open_run(folder).predict(),
        lambda: resume(folder),
    ):
        with pytest.raises(InputError, match=message):
            use()
    env = read_json(folder / "env.json")
    del env["data"]  # as an older version wrote it
    write_json(folder / "env.json", env)
    evaluate_run(open_run(folder))


@pytest.mark.parametrize("data", [3, {"x": 4}, ["x"]])
def test_a_damaged_fingerprint_is_named(small_run: Path, tmp_path: Path, data: Any) -> None:
    shutil.copytree(small_run, tmp_path / "run")
    write_json(tmp_path / "run" / "env.json", {"data": data})
    with pytest.raises(InputError, match="env.json' is damaged"):
        evaluate_run(open_run(tmp_path / "run"))


def test_a_checkpoint_of_another_run_is_refused(nodes: dict[str, Any], tmp_path: Path) -> None:
    for seed in (0, 1):
        fit({**nodes, "seed": seed}, tmp_path / str(seed))
    for name in ("result.json", "fit.json"):
        (tmp_path / "0" / name).unlink()
    shutil.copy(tmp_path / "1" / "state.pt", tmp_path / "0" / "state.pt")
    with pytest.raises(InputError, match=r"state.pt' is not one of this run \(`seed` is 1 in it and 0 in this run\)"):
        resume(tmp_path / "0")


def test_a_checkpoint_of_another_stream_is_refused(tmp_path: Path) -> None:
    config = {"data": {"name": "sbm-continual", "size": 12}, "model": {"name": "gcn"}, "train": {"epochs": 1}}
    fit_continual({**config, "strategies": {"ewc": {}, "fine-tune": {}}}, tmp_path / "run")
    for name in ("result.json", "ewc/seed-0/fit.json"):
        (tmp_path / "run" / name).unlink()
    state = tmp_path / "run" / "ewc" / "seed-0" / "state.pt"
    shutil.copy(tmp_path / "run" / "fine-tune" / "seed-0" / "state.pt", state)
    with pytest.raises(InputError, match=r"is not one of this run \(`strategies"):
        resume_continual(tmp_path / "run")


def test_a_checkpoint_may_be_used_where_only_places_and_threads_differ() -> None:
    config = {"device": "cpu", "data": {"name": "/a/graph.npz", "root": "/a"}, "train": {"threads": 1, "lr": 0.1}}
    other = {"device": "cuda", "data": {"name": "/b/graph.npz", "root": None}, "train": {"threads": None, "lr": 0.1}}
    check_origin({"config": config, "data": {"y": "int64 [1] 0"}}, other, {"y": "int64 [1] 0"}, FREE)
    check_origin({"config": {**config, "train": {"lr": 0.1}}}, config, {}, FREE)  # before there was this setting
    check_origin({}, config, {}, FREE)  # an older checkpoint
    with pytest.raises(InputError, match="`train.lr` is 0.1 in it and 0.2 in this run"):
        check_origin({"config": config}, {**config, "train": {"threads": 1, "lr": 0.2}}, {}, FREE)
    with pytest.raises(InputError, match="its data are not those of this run: `y` differs"):
        check_origin({"config": config, "data": {"y": "int64 [1] 0"}}, config, {"y": "int64 [1] 1"}, FREE)


def test_distillation_does_not_change_the_fingerprint(small: dict[str, Any], tmp_path: Path) -> None:
    """A teacher numbers the graphs of the collection, which is not a difference of the data."""
    fit(small, tmp_path / "teacher")
    config = {**small, "distill": {"teacher": str(tmp_path / "teacher"), "losses": [{"name": "kd"}]}}
    with_teacher = fit(config, tmp_path / "student")
    assert resume(tmp_path / "student")["test"] == with_teacher["test"]
    data = read_json(tmp_path / "student" / "env.json")["data"]
    assert data == read_json(tmp_path / "teacher" / "env.json")["data"]
    assert not changed(data, fingerprint(load_dataset(open_run(tmp_path / "student").config)))
