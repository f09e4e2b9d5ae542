"""The Python code on the pages of methods, operators and stored paths runs."""

import importlib.util
import re
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.nn import functional as F
from torch_geometric.nn.models import GAT

DOCS = Path(__file__).resolve().parents[1] / "docs"


def run_page(name: str, names: dict[str, Any], replacements: dict[str, str] | None = None) -> dict[str, Any]:
    """Runs all Python blocks of a page, one after the other, and returns the names that they defined."""
    blocks = re.findall(r"```python\n(.*?)```", (DOCS / f"{name}.md").read_text(encoding="utf-8"), re.DOTALL)
    assert blocks
    for code in blocks:
        for old, new in (replacements or {}).items():
            code = code.replace(old, new)
        exec(compile(code, f"docs/{name}.md", "exec"), names)
    return names


@pytest.fixture(autouse=True)
def empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes an empty folder the current one, in which the code of a page writes its runs."""
    monkeypatch.chdir(tmp_path)
    torch.manual_seed(0)


def test_spagan() -> None:
    names = run_page("spagan", {})
    assert names["run"].result["model"] == "spagan"
    assert names["out"].shape == (names["data"].num_nodes, 32)
    assert len(names["attention"].path_index) == 3


def test_factorgcn() -> None:
    names = run_page("factorgcn", {})
    assert names["out"].shape == (6, 32) and names["factors"].shape == (20, 4)
    assert torch.isfinite(names["loss"])


def test_stigcn() -> None:
    names = run_page("stigcn", {}, {'"synthetic-skeleton", ': '"synthetic-skeleton", batch_size=128, '})
    assert names["run"].result["dataset"] == "synthetic-skeleton"
    assert names["scores"].shape == (8, 4) and names["out"].shape == (75, 7, 16)
    assert all(matrix.shape == (4, 4, 7, 7) for matrix in names["matrices"]) and len(names["matrices"]) == 3


def test_distill() -> None:
    x, y, edge_index = torch.randn(20, 4), torch.randint(3, (20,)), torch.randint(20, (2, 60))
    teacher, student = GAT(4, 16, 2, 3), GAT(4, 8, 3, 3)
    names = {"torch": torch, "F": F, "x": x, "y": y, "edge_index": edge_index, "train": torch.arange(10)}
    names = run_page("distill", {**names, "teacher": teacher, "student": student}, {"range(200)": "range(60)"})
    assert names["epoch"] == 59 and torch.isfinite(names["distillation"])
    assert len(names["distiller"].pairs) == 2 and names["distiller"].pairs[0].active_epochs == 50
    assert [network["name"] for network in names["folder"].result["networks"]] == ["teacher", "alone", "lsp", "kd"]


def test_continual() -> None:
    names = run_page("continual", {})
    assert set(names["folder"].result["strategies"]) == {"fine-tune", "twp"}
    assert names["strategy"].state_dict()  # the loop has gone through the tasks
    assert names["task"].scores(names["model"]).keys() == {"val", "test"}


def test_accelerate() -> None:
    assert len(run_page("accelerate", {})["fast"].convs) == 2


def test_operators() -> None:
    weights = run_page("operators", {})["weights"]
    torch.testing.assert_close(weights[2:5].sum(dim=0), torch.ones(8))


def test_stored_paths() -> None:
    names = run_page("stored_paths", {})
    assert names["first"].shape[0] == 2 and names["second"].shape[0] == 3
    next(iter(names["loader"]))


def write_molecules(folder: Path) -> None:
    """Writes the table of the page on molecules with more rows, one of them invalid, and new molecules."""
    (table,) = re.findall(r"```text\n(.*?)```", (DOCS / "molecules.md").read_text(encoding="utf-8"), re.DOTALL)
    header, *rows = table.splitlines()
    more = [f"m{n},C1{'C' * n}{chain}1,{n / 4},{n / 2}" for n in range(1, 25) for chain in ("O", "N")]
    (folder / "molecules.csv").write_text("\n".join([header, *rows, *more, "bad,C(,1,1"]) + "\n")
    (folder / "new.csv").write_text("smiles\nCCO\nnonsense\n")


@pytest.mark.skipif(importlib.util.find_spec("rdkit") is None, reason="needs rdkit")
def test_molecules(tmp_path: Path) -> None:
    write_molecules(tmp_path)
    names = run_page("molecules", {})
    assert (names["run"].path / "rejected.csv").is_file() and names["run"].result["task"] == "graph-regression"
    assert names["predictions"].ids == ("0",) and dict(names["predictions"].problems).keys() == {"1"}
    assert (tmp_path / "predictions.csv").read_text().count("\n") == 3 and len(names["again"]) == 2
