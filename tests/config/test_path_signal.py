"""What path attention is for: a label far away along cheap edges."""

from pathlib import Path

from graphkit.config.layers import merge
from graphkit.config.recipes import train_recipe
from tests.fitting import fit


def test_one_layer_of_path_attention_sees_three_hops_far(tmp_path: Path) -> None:
    recipe = merge(train_recipe("spagan-path-signal"), {"data": {"num_chains": 100}, "train": {"epochs": 60}})
    assert fit(recipe, tmp_path / "spagan")["test"]["mean"] > 0.9
    recipe["train"]["epochs"] = 20
    gat = {**recipe, "model": {"name": "gat", "num_layers": 3}}  # along edges there is far too much in between
    assert fit(gat, tmp_path / "gat")["test"]["mean"] < 0.6
