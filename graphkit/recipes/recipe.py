"""Finds and reads recipes."""

from importlib import resources
from typing import Any

import yaml

from graphkit.registry import unknown_name

#: What of a recipe is configuration; the rest describes it.
_CONFIG = ("model", "data", "train")


def recipe_names() -> list[str]:
    """Returns the names of all recipes in alphabetical order."""
    files = resources.files("graphkit.recipes").iterdir()
    return sorted(file.name.removesuffix(".yaml") for file in files if file.name.endswith(".yaml"))


def load_recipe(name: str) -> dict[str, Any]:
    """Returns a recipe as it stands in its file.

    Raises:
        ValueError: If there is no such recipe; the closest name is offered.
    """
    if name not in recipe_names():
        raise unknown_name("recipe", name, recipe_names())
    return yaml.safe_load(resources.files("graphkit.recipes").joinpath(f"{name}.yaml").read_text(encoding="utf-8"))


def recipe_config(name: str) -> dict[str, Any]:
    """Returns the configuration of a recipe, as a layer for :func:`graphkit.train.resolve`."""
    recipe = load_recipe(name)
    return {**{key: recipe[key] for key in _CONFIG if key in recipe}, "recipe": name}


def find_recipe(model: str, dataset: str) -> str | None:
    """Returns the name of the recipe for a model on a data set, ``MODEL-DATASET``, if there is one."""
    name = f"{model}-{dataset}"
    return name if name in recipe_names() else None
