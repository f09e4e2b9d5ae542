"""Every new kind of task: resumed to the same bits, equal with two processes, wrong inputs in one line."""

import csv
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

import graphkit
from graphkit import Callback
from graphkit.errors import InputError
from graphkit.experiments import Interrupted, RunFolder, resume
from tests.experiments import new_tasks
from tests.experiments.new_tasks import CASES
from tests.experiments.test_communicator import ENVIRONMENT

pytest.importorskip("rdkit")


class Press(Callback):
    """Presses Ctrl-C when the third epoch ends."""

    def on_epoch(self, fit: Any, row: Any) -> None:
        if row["epoch"] == 3:
            os.kill(os.getpid(), signal.SIGINT)


def rows(run: RunFolder) -> list[dict[str, Any]]:
    return [{key: value for key, value in row.items() if key != "seconds"} for row in run.metrics]


@pytest.mark.parametrize("name", CASES)
def test_interrupted_and_resumed_is_uninterrupted_to_the_bit(name: str, tmp_path: Path) -> None:
    arguments = CASES[name](tmp_path)
    model = arguments["model"] if name == "custom-model" else None
    reference = graphkit.fit(**arguments, epochs=6, output=tmp_path / "reference")
    with pytest.raises(Interrupted):
        graphkit.fit(**arguments, epochs=6, output=tmp_path / "run", callbacks=[Press()])
    del arguments  # graphs in memory are in the run folder
    resume(tmp_path / "run", model=model)
    run = graphkit.open_run(tmp_path / "run", model=model)
    assert rows(run) == rows(reference)
    expected, weights = reference.model.state_dict(), run.model.state_dict()
    assert expected.keys() == weights.keys()
    assert all(torch.equal(value, expected[key]) for key, value in weights.items())
    for key in ("test", "validation", "epochs", "scores"):
        assert run.result[key] == reference.result[key], key
    assert run.evaluate("cpu")["test"] == run.result["test"]


@pytest.fixture(scope="module")
def teams(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("teams")
    program = [sys.executable, str(Path(new_tasks.__file__)), str(folder)]
    done = subprocess.run(program, env=ENVIRONMENT, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.mark.extended
@pytest.mark.parametrize("name", CASES)
def test_two_processes_give_the_numbers_of_one(name: str, teams: Path) -> None:
    alone, both = teams / "1" / name, teams / "2" / name
    tables = []
    for folder in (alone, both):
        with (folder / "metrics.csv").open(newline="") as file:
            tables.append(list(csv.DictReader(file)))
    assert len(tables[0]) == 5
    for one, other in zip(*tables, strict=True):
        for key in ("loss", "validation", "validation_loss"):
            assert float(other[key]) == pytest.approx(float(one[key]), rel=1e-5, abs=1e-5), (one["epoch"], key)
    expected, weights = load_file(alone / "model.safetensors"), load_file(both / "model.safetensors")
    assert expected.keys() == weights.keys()
    for key, value in expected.items():
        torch.testing.assert_close(
            weights[key], value, rtol=1e-5, atol=1e-5, msg=lambda text, key=key: f"{key}: {text}"
        )
    results = [json.loads((folder / "result.json").read_text()) for folder in (alone, both)]
    for key in ("test", "validation"):
        assert results[1][key]["mean"] == pytest.approx(results[0][key]["mean"], rel=1e-5)
    assert results[0]["scores"].keys() == results[1]["scores"].keys()
    assert json.loads((both / "env.json").read_text())["processes"] == 2


def replaced(path: Path, old: str, new: str) -> None:
    """Replaces a text in a file once."""
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def tables(old: str = "", new: str = "", **changes: Any) -> Any:
    """Returns the function that writes the tables of node regression with a change."""

    def make(folder: Path) -> dict[str, Any]:
        arguments = new_tasks.node_regression(folder)
        replaced(arguments["data"] / "nodes.csv", old, new)
        return {**arguments, **changes}

    return make


def molecules(old: str = "", new: str = "", **changes: Any) -> Any:
    """Returns the function that writes the table of molecules with a change."""

    def make(folder: Path) -> dict[str, Any]:
        arguments = new_tasks.molecules(folder)
        replaced(arguments["data"], old, new)
        return {**arguments, **changes}

    return make


def in_memory(case: str, attributes: dict[str, Any] | None = None, graphs: Any = range(3, 4), **changes: Any) -> Any:
    """Returns the function that makes graphs with other attributes in some of them."""

    def make(folder: Path) -> dict[str, Any]:
        arguments = CASES[case](folder)
        for number in graphs:
            for name, value in (attributes or {}).items():
                setattr(arguments["data"][number], name, value)
        return {**arguments, **changes}

    return make


NAN, EVERY, HEAD = float("nan"), range(23), "id,a,club,size,age"
WRONG: dict[str, dict[str, tuple[Any, str]]] = {
    "node-regression": {
        "target": (tables(target="weight"), "has no column 'weight' .found: id, a, club, size, age"),
        "text": (tables(target="size,club"), "line 2, column 'club': must be a finite number, or empty .got 'x'"),
        "infinite": (tables(HEAD, f"{HEAD}\nn99,1,x,inf,3"), "line 2, column 'size': must be a finite number"),
        "short row": (tables(HEAD, f"{HEAD},more"), "line 2: 6 cells expected, as in the first line .got 5"),
        "missing feature": (tables(",x,", ",,"), "column 'club': must have a value .got none.*--set data.impute=mean"),
        "imputation": (tables(set={"data.impute": "median"}), "`data.impute` must be one of none, mean .got 'median'"),
        "task": (tables(task="regresion"), "`data.task` must be one of .*got 'regresion'"),
        "metric": (tables(metric="accuracy"), "unknown metric for node-regression 'accuracy'; known: mae, r2, rmse"),
        "class weights": (tables(set={"train.class_weight": "balanced"}), "`train.class_weight` is for tasks with one"),
        "smoothing": (
            tables(set={"train.label_smoothing": 0.1}),
            "`train.label_smoothing` is for tasks with one class",
        ),
        "molecules": (tables(smiles="id"), "`data.smiles` is an option of a table of molecules, not of"),
    },
    "graph-regression": {
        "width": (in_memory("graph-regression", {"y": torch.ones(1, 3)}), "graph 3: `y` must have as many entries"),
        "rows": (in_memory("graph-regression", {"y": torch.ones(2, 2)}), r"graph 3: `y` must be one class.*\[2, 2\]"),
        "infinite": (
            in_memory("graph-regression", {"y": torch.tensor([[float("inf"), 1.0]])}),
            "graph 3: `y` must be a finite number, or NaN for none",
        ),
        "constant": (
            in_memory("graph-regression", {"y": torch.tensor([[1.0, NAN]])}, EVERY),
            "the target '0' must have two values or more",
        ),
        "nodes": (in_memory("graph-regression", {"x": torch.ones(3, 7)}), "graph 3: edge 0 joins 0 and 6, but nodes"),
        "missing feature": (
            in_memory("graph-regression", {"x": torch.full((7, 3), NAN)}),
            "graph 3: feature 0 of node 0 must be a finite number .*data.impute=mean",
        ),
        "task": (
            in_memory("graph-regression", task="node-regression"),
            "`y` must have one row for each of its 4 nodes",
        ),
        "classes": (in_memory("graph-regression", task="classification"), "`y` must hold 0, 1 or NaN in its columns"),
        "metric": (in_memory("graph-regression", metric="roc-auc"), "unknown metric for graph-regression 'roc-auc'"),
        "target": (in_memory("graph-regression", target="size"), "graph 0 has no `size` .found: x, edge_index, y"),
        "text": (in_memory("graph-regression", {"y": "a"}, EVERY), "graph 0: `y` must be a finite number"),
    },
    "nodes-of-graphs": {
        "length": (in_memory("nodes-of-graphs", {"y": torch.ones(3)}), "`y` must be one class.*one row per node"),
        "infinite": (
            in_memory("nodes-of-graphs", {"y": torch.full((7,), float("inf"))}),
            "graph 3: `y` of node 0 must be a finite number",
        ),
        "width": (in_memory("nodes-of-graphs", {"y": torch.ones(7, 2)}), "graph 3: `y` must have as many entries"),
        "task": (in_memory("nodes-of-graphs", task="graph-regression"), "graph 0: `y` must be one class or number"),
        "classes": (
            in_memory("nodes-of-graphs", task="classification"),
            "must hold class numbers .*data.task=regression",
        ),
        "metric": (in_memory("nodes-of-graphs", metric="f1"), "unknown metric for node-regression 'f1'"),
        "target": (in_memory("nodes-of-graphs", target="speed"), "graph 0 has no `speed` .found: x, edge_index, y"),
        "neighbors": (in_memory("nodes-of-graphs", set={"train.num_neighbors": 3}), "is for batches of nodes"),
        "split": (in_memory("nodes-of-graphs", split="0.5,0.5"), "`split` must be three numbers"),
        "readout": (
            in_memory("nodes-of-graphs", set={"model.readout": "mean"}),
            "`readout` is for graphs, but data is",
        ),
        "few labels": (
            in_memory("nodes-of-graphs", set={"data.labels_per_class": 3}),
            "is for nodes of one class each",
        ),
    },
    "molecules": {
        "column": (molecules(smiles="smile"), "unknown column 'smile'; did you mean 'smiles'"),
        "target": (molecules(target="logs2"), "unknown column 'logs2'; did you mean 'logS'"),
        "no target": (
            molecules(target=None),
            "has no column 'label' .found: name, logS.; name the targets: --target A,B",
        ),
        "task": (molecules(task="node-regression"), "has targets of graphs, which is not 'node-regression'"),
        "text": (molecules("m0,CCO,1.5", "m0,CCO,high"), "line 2, column 'logS': must be a finite number, or empty"),
        "infinite": (molecules("m0,CCO,1.5", "m0,CCO,inf"), "line 2, column 'logS': must be a finite number, or empty"),
        "split": (molecules(split="scafold"), "`split` must be .*random or scaffold .*got 'scafold'"),
        "model": (molecules(model="stigcn"), "reads skeleton clips, and molecules holds graphs; take dgcnn"),
        "other column": (molecules(smiles="name"), "29 of 29 rows have no molecule .line 2: 'm0', not a valid SMILES"),
        "features": (molecules(set={"data.features": "structural"}), "unknown configuration key 'data.features'"),
        "metric": (molecules(metric="auc"), "unknown metric for graph-regression 'auc'; known: mae, r2, rmse"),
    },
}


@pytest.mark.parametrize(("task", "name"), [(task, name) for task, cases in WRONG.items() for name in cases])
def test_a_wrong_input_is_one_line_and_no_folder(task: str, name: str, tmp_path: Path) -> None:
    make, message = WRONG[task][name]
    arguments = make(tmp_path)
    with pytest.raises(InputError, match=message) as error:
        graphkit.fit(**arguments, epochs=1, output=tmp_path / "run")
    assert "\n" not in str(error.value) and not (tmp_path / "run").exists()
    if not isinstance(arguments["data"], Path):
        assert str(tmp_path) not in str(error.value) and "data.pt" not in str(error.value)
