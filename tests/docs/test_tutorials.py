"""The tutorials run, without Jupyter, and so do their links and commands."""

import os
import re
from pathlib import Path
from typing import Any

import pytest
import torch

TUTORIALS = sorted((Path(__file__).resolve().parents[2] / "docs" / "tutorials").glob("*.md"))
#: Code of a cell, without the options at its top.
CELL = re.compile(r"^```\{code-cell\} ipython3\n(?:---\n.*?^---\n)?(.*?)^```", re.M | re.S)


@pytest.mark.extended
@pytest.mark.parametrize("page", TUTORIALS, ids=lambda page: page.stem)
@pytest.mark.filterwarnings("ignore:FigureCanvasAgg is non-interactive")
def test_tutorial_runs(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if page.stem == "molecules":
        pytest.importorskip("rdkit")
    monkeypatch.chdir(tmp_path)
    torch.manual_seed(0)
    namespace: dict[str, Any] = {}
    text = page.read_text(encoding="utf-8")
    cells = [*CELL.finditer(text)]
    assert cells
    for cell in cells:
        line = text.count("\n", 0, cell.start(1))
        exec(compile("\n" * line + cell[1], f"docs/tutorials/{page.name}", "exec"), namespace)
    assert os.listdir(tmp_path)  # the runs


def test_pictures_of_tutorials_have_alternatives() -> None:
    pattern = re.compile(r"^```\{code-cell\} ipython3\n((?:(?!^```).*\n)+?)^```", re.M)
    drawing = ("confusion_matrix(", "axis.plot(", "clip_strip(", "performance_matrices(", "score_")
    for page in TUTORIALS:
        for cell in pattern.findall(page.read_text(encoding="utf-8")):
            if any(f"\n{name}" in cell for name in drawing):
                assert "alt:" in cell, (page.name, cell)
