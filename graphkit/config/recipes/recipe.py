"""Reading of recipes by name."""

from importlib import resources
from typing import Any

import yaml

from graphkit.errors import InputError
from graphkit.registry import unknown_name

#: Keys of a recipe that are settings, for each command; the other keys describe the recipe.
_TRAIN = ("model", "data", "train")
_DISTILL = ("teacher", "student", "data", "losses")
_CONTINUAL = ("model", "data", "stream", "train", "strategies")


def recipe_names() -> list[str]:
    """Returns the names of all recipes in alphabetical order."""
    files = resources.files("graphkit.config.recipes").iterdir()
    return sorted(file.name.removesuffix(".yaml") for file in files if file.name.endswith(".yaml"))


def load_recipe(name: str) -> dict[str, Any]:
    """Returns the content of the file of a recipe.

    Raises:
        InputError: If there is no such recipe; the message suggests the closest name.
    """
    if name not in recipe_names():
        raise unknown_name("recipe", name, recipe_names())
    file = resources.files("graphkit.config.recipes").joinpath(f"{name}.yaml")
    content: dict[str, Any] = yaml.safe_load(file.read_text(encoding="utf-8"))
    return content


def train_recipe(name: str) -> dict[str, Any]:
    """Returns a recipe for ``graphkit train`` as a layer of a configuration.

    Raises:
        InputError: If there is no such recipe, or it is for ``graphkit continual`` or ``graphkit distill``.
    """
    recipe = load_recipe(name)
    if "student" in recipe:
        raise InputError(f"the recipe '{name}' is for a teacher and a student; use it with graphkit distill")
    if "stream" in recipe:
        raise InputError(f"the recipe '{name}' is for a stream of tasks; use it with graphkit continual")
    return {**{key: recipe[key] for key in _TRAIN if key in recipe}, "recipe": name}


def continual_recipe(name: str, protocol: str = "default") -> dict[str, Any]:
    """Returns a recipe for ``graphkit continual`` as a layer of a configuration.

    Args:
        name (str): Name of the recipe.
        protocol (str, optional): Key of ``protocols`` in the recipe, whose settings have precedence over the others.
            (default: ``"default"``)

    Raises:
        InputError: If there is no such recipe, or it is for another command.
    """
    recipe = load_recipe(name)
    if "stream" not in recipe:
        raise InputError(f"the recipe '{name}' is not for a stream of tasks; use it with graphkit train")
    layer: dict[str, Any] = {key: dict(recipe[key]) for key in _CONTINUAL if key in recipe}
    for key, section in recipe.get("protocols", {}).get(protocol, {}).items():
        layer[key] = {**layer.get(key, {}), **section}
    return layer


def distill_recipe(name: str) -> dict[str, Any]:
    """Returns a recipe for ``graphkit distill`` as a layer of a configuration.

    Raises:
        InputError: If there is no such recipe, or it is for another command.
    """
    recipe = load_recipe(name)
    if "student" not in recipe:
        raise InputError(f"the recipe '{name}' has no student; use it with graphkit train")
    return {key: recipe[key] for key in _DISTILL if key in recipe}


def find_recipe(model: str, dataset: str) -> str | None:
    """Returns the name of the recipe ``MODEL-DATASET``, if there is one."""
    name = f"{model}-{dataset}"
    return name if name in recipe_names() else None
