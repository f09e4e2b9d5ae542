"""The table of ``docs/edge_features.md`` against the models."""

import re
from pathlib import Path

import pytest

from graphkit.registry import get_model, model_names

PAGE = Path(__file__).resolve().parents[2] / "docs" / "edge_features.md"
ROWS = {
    name: cells.strip("| ").split(" | ")
    for names, cells in re.findall(r"^\| (`.+?`) (\| .+)$", PAGE.read_text(encoding="utf-8").split("\n## ")[1], re.M)
    for name in re.findall(r"`(\w+)`", names)
}


def test_every_model_of_graphs_has_a_row() -> None:
    assert sorted(ROWS) == [name for name in model_names() if get_model(name).reads == "graphs"]


@pytest.mark.parametrize("name", ROWS)
def test_cells_follow_from_the_model(name: str) -> None:
    cls, (features, weights) = get_model(name), ROWS[name]
    if not cls.uses_edges:
        assert features == weights == "read no edges"
    else:
        assert (features != "not used") == cls.takes_edge_attr
        assert ("on request" in weights) == cls.takes_edge_attr
        assert (weights != "not used") == (cls.takes_edge_attr or cls.uses_edge_weight)
        assert ("lengths of paths" in weights) == cls.uses_paths
