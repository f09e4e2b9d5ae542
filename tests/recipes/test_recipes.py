"""Every recipe: its settings are legal, and every number says where it comes from."""

import pytest

from graphkit.recipes import find_recipe, load_recipe, recipe_config, recipe_names
from graphkit.registry import dataset_names, model_names
from graphkit.train import resolve


@pytest.mark.parametrize("name", recipe_names())
def test_resolves_to_a_configuration(name: str) -> None:
    config = resolve(recipe_config(name))
    assert config["recipe"] == name
    assert config["model"]["name"] in model_names() and config["data"]["name"] in dataset_names()
    assert name.startswith(f"{config['model']['name']}-{config['data']['name']}")


@pytest.mark.parametrize("name", recipe_names())
def test_every_number_has_a_source(name: str) -> None:
    recipe = load_recipe(name)
    assert recipe["title"] and recipe["expected"]
    for entry in recipe["expected"]:
        assert entry["metric"] and entry["selected_on"]
        assert isinstance(entry["mean"], float | int) or "no score of" in entry["note"]
        if entry["source"] == "measured":
            assert entry["command"].startswith("graphkit train") and entry["runs"] >= 5 and entry["std"] is not None
        else:
            assert entry["source"] == "published" and "not run here" in entry["note"]


def test_a_pair_with_a_recipe_finds_it() -> None:
    assert find_recipe("factorgcn", "factor-graphs") == "factorgcn-factor-graphs"
    assert find_recipe("gcn", "karate") is None


def test_an_unknown_recipe_is_refused() -> None:
    with pytest.raises(ValueError, match="unknown recipe 'factorgcn-factor-graph'; did you mean"):
        load_recipe("factorgcn-factor-graph")
