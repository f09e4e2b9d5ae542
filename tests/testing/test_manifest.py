"""The manifest: equal to what the modules register, and enough for the listings to answer without PyTorch."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from graphkit import registry
from graphkit.cli.main import COMMANDS, main
from graphkit.data import list_datasets
from graphkit.data.dataset_info import Request, Source, dataset
from graphkit.nn import GCN
from graphkit.registry import (
    canonical_model,
    dataset_names,
    get_model,
    manifest,
    model_names,
    register_model,
)
from graphkit.testing.manifest import build_manifest

HEAVY = ("torch", "numpy", "torch_geometric", "scipy", "networkx")
WITHOUT = f"import sys; sys.modules.update(dict.fromkeys({HEAVY})); from graphkit.cli.main import main; main()"
LISTINGS = (
    ("--help",),
    *((command, "--help") for command in COMMANDS),
    ("datasets",),
    ("datasets", "factor-graphs"),
    ("models",),
    ("models", "GCN"),
    ("recipes",),
    ("recipes", "show", "factorgcn-cora"),
)


def python(script: str, *args: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", script, *args], capture_output=True, text=True, timeout=120)


def test_manifest_is_up_to_date() -> None:
    assert manifest() == build_manifest(), "graphkit/manifest.json is not what the modules register; run make manifest"


@pytest.mark.parametrize("args", LISTINGS, ids=" ".join)
def test_listing_answers_without_torch(args: tuple[str, ...]) -> None:
    done = python(WITHOUT, *args)
    assert done.returncode == 0 and done.stdout, done.stderr


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (("models", "factorgnc"), "unknown model 'factorgnc'; did you mean 'factorgcn'?"),
        (("datasets", "coar"), "unknown data set 'coar'; did you mean 'cora'?"),
        (("recipes", "show", "factorgcn-coar"), "unknown recipe 'factorgcn-coar'; did you mean 'factorgcn-cora'?"),
        (("modles",), "unknown command 'modles'; did you mean 'models'?"),
    ],
    ids=str,
)
def test_closest_name_is_offered_without_torch(args: tuple[str, ...], message: str) -> None:
    done = python(WITHOUT, *args)
    assert done.returncode == 2 and message in done.stderr


def test_one_name_imports_one_module() -> None:
    script = """
import sys
from graphkit.registry import get_dataset, get_model
get_model("gcn"), get_dataset("cora")
print(*sorted(name for name in sys.modules if name.startswith(("graphkit.nn.models.", "graphkit.data.datasets."))))
"""
    done = python(script)
    shared = [f"graphkit.nn.models.{name}" for name in ("baseline", "gcn", "graph_model", "trunk")]
    assert done.stdout.split() == ["graphkit.data.datasets.planetoid", *shared], done.stderr


@pytest.mark.parametrize("row", [None, {"module": "graphkit.nn.models.gone"}, {"module": "graphkit.nn.models.gat"}])
def test_name_with_no_valid_entry_is_looked_for_in_all_modules(
    monkeypatch: pytest.MonkeyPatch, row: dict[str, str] | None
) -> None:
    monkeypatch.setattr(registry, "manifest", lambda: {"model": {} if row is None else {"gcn": row}})
    assert get_model("gcn") is get_model("G_CN") is GCN


def test_names_that_users_register_are_listed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for entries in (registry._models, registry._datasets):
        monkeypatch.setattr(entries, "_entries", dict(entries._entries))

    @register_model("my-model")
    class MyModel(GCN):
        """My model."""

    @dataset({"my-data": Source("Mine", files=("a.txt",), address="here")}, task="node-classification")
    def load(request: Request, *, width: int = 3) -> Any:
        """Loads nothing."""

    assert get_model("MY_MODEL") is MyModel and canonical_model("My-Model") == "my-model"
    assert "my-model" in model_names() and "my-data" in dataset_names()
    (row,) = [row for row in list_datasets(tmp_path) if row.name == "my-data"]
    assert (row.task, row.origin, row.available) == ("node-classification", "here", False)
    assert "my-model   My model.\n" in CliRunner().invoke(main, ["models"]).stdout
    assert "model.hidden_channels " in CliRunner().invoke(main, ["models", "my-model"]).stdout
    assert CliRunner().invoke(main, ["datasets", "my-data"]).stdout == "data.width  3\n"
    assert manifest() == build_manifest()


def test_name_of_the_package_cannot_be_registered_again() -> None:
    script = """
from graphkit.registry import get_model, register_model
register_model("gcn")(object)
get_model("gcn")
"""
    assert "the model name 'gcn' is taken by <class 'object'>" in python(script).stderr
