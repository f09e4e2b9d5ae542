"""The table of ``docs/datasets.md`` against the raw files that are at hand."""

import importlib.util
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

ROOT = Path(__file__).parents[2]
SLOW = ("tox21", "factor-graphs")


def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("datasets_table", ROOT / "benchmarks" / "data" / "datasets_table.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_page_has_the_rows_of_the_data_sets_at_hand(real: Path) -> None:
    table, page = script(), (ROOT / "docs" / "datasets.md").read_text(encoding="utf-8").splitlines()
    names = [name for name in table.at_hand(real) if name not in SLOW]
    assert len(names) > 10
    for name in names:
        assert table.row(name, real) in page, name


def test_generated_graphs_need_no_files() -> None:
    table, page = script(), (ROOT / "docs" / "datasets.md").read_text(encoding="utf-8").splitlines()
    for name in ("karate", "sbm-continual", "path-signal"):
        assert table.row(name, None) in page, name


@pytest.mark.parametrize(
    ("edges", "expected"),
    [
        ([[0, 1], [1, 2], [1, 2], [2, 2]], ("each pair once", 1, 1)),
        ([[0, 1], [1, 0]], ("both ways", 0, 0)),
        ([[5, 6], [6, 5], [6, 7], [7, 8]], ("50 % both ways", 0, 0)),
    ],
)
def test_facts_about_edges(edges: list, expected: tuple) -> None:
    assert script().facts(np.array(edges)) == expected
