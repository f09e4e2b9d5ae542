"""The tutorials run, without Jupyter, and so do their links and commands."""

import os
import re
import sys
from pathlib import Path
from types import ModuleType

import pytest
import torch

from graphkit import registry

TUTORIALS = sorted((Path(__file__).resolve().parents[2] / "docs" / "tutorials").glob("*.md"))
#: Code of a cell, without the options at its top.
CELL = re.compile(r"^```\{code-cell\} ipython3\n(?:---\n.*?^---\n)?(.*?)^```", re.M | re.S)


def remove_registered(module: str) -> None:
    """Removes what a module registered, which other tests would list."""
    for entries in (value._entries for value in vars(registry).values() if isinstance(value, registry.Registry)):
        for key in [key for key, entry in entries.items() if getattr(entry, "__module__", "") == module]:
            del entries[key]


@pytest.mark.extended
@pytest.mark.parametrize("page", TUTORIALS, ids=lambda page: page.stem)
@pytest.mark.filterwarnings("ignore:FigureCanvasAgg is non-interactive")
def test_tutorial_runs(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if page.stem == "molecules":
        pytest.importorskip("rdkit")
    monkeypatch.chdir(tmp_path)
    torch.manual_seed(0)
    module = ModuleType("tutorial")
    monkeypatch.setitem(sys.modules, "tutorial", module)
    text = page.read_text(encoding="utf-8")
    cells = [*CELL.finditer(text)]
    assert cells
    try:
        for cell in cells:
            line = text.count("\n", 0, cell.start(1))
            exec(compile("\n" * line + cell[1], f"docs/tutorials/{page.name}", "exec"), vars(module))
    finally:
        remove_registered("tutorial")
    assert os.listdir(tmp_path)  # the runs


def test_pictures_of_tutorials_have_alternatives() -> None:
    pattern = re.compile(r"^```\{code-cell\} ipython3\n((?:(?!^```).*\n)+?)^```", re.M)
    drawing = ("confusion_matrix(", "axis.plot(", "clip_strip(", "performance_matrices(", "score_")
    for page in TUTORIALS:
        for cell in pattern.findall(page.read_text(encoding="utf-8")):
            if any(f"\n{name}" in cell for name in drawing):
                assert "alt:" in cell, (page.name, cell)
