"""Configurations of all commands, built from recipe, file and settings."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from graphkit.coercion import coerce
from graphkit.config.layers import Layer, merge, parse_setting, read_config
from graphkit.config.recipes import continual_recipe, distill_recipe, find_recipe, train_recipe
from graphkit.continual.continual_config import ContinualConfig, chosen_strategies
from graphkit.data.loading import LINKS
from graphkit.distill.distill_config import DistillConfig, StudentConfig, chosen_losses
from graphkit.errors import InputError
from graphkit.experiments.keywords import loss_layer
from graphkit.experiments.search import SearchConfig
from graphkit.training.run_files import GIVEN, folder_config
from graphkit.training.train_config import RunConfig, TrainConfig

#: Value of ``recipe`` for no recipe.
NO_RECIPE = "none"


def build_config(
    command: str,
    *layers: Layer,
    recipe: str | None = None,
    file: str | Path | None = None,
    set: Mapping[str, Any] | Sequence[str] = (),  # noqa: A002 (the name of the option)
    names: str | None = None,
    loss_options: Mapping[str, Any] | None = None,
) -> RunConfig:
    """Builds the configuration of a command.

    From lowest to highest precedence: defaults, recipe, file, ``set``, layers.

    Args:
        command (str): ``"train"``, ``"distill"``, ``"continual"`` or ``"search"``.
        layers (dict, optional): Nested mappings of settings; later ones have precedence.
        recipe (str, optional): Name of a recipe, or ``"none"``; if ``None``, the recipe of the model and the data set,
            if there is one. (default: ``None``)
        file (str or Path, optional): YAML file of settings. (default: ``None``)
        set (dict or list of str, optional): Settings by key, such as ``{"train.lr": 0.01}``, or as text, such as
            ``"train.lr=0.01"``. (default: ``()``)
        names (str, optional): Losses for ``"distill"``, strategies for ``"continual"``, such as ``"lsp,kd"`` or
            ``"all"``; those of the settings if ``None``. (default: ``None``)
        loss_options (dict, optional): For ``"distill"``, options of every loss that is compared, see
            :func:`~graphkit.experiments.loss_layer`. (default: ``None``)

    Returns:
        RunConfig: The configuration, a frozen dataclass.

    Raises:
        InputError: If a recipe, model, data set, loss, strategy or key is unknown (the message names the closest one),
            or a value has a wrong type or is out of range.
        FileNotFoundError: If the file does not exist.

    Example:
        >>> config = build_config("train", recipe="gcn-cora", set={"train.lr": 0.005})
        >>> config.model.name, config.train.lr
        ('gcn', 0.005)
    """
    given = merge(read_config(file) if file is not None else {}, *_set_layers(set), *layers)
    if recipe is None and "recipe" in given:  # from the configuration of a run
        recipe = coerce("recipe", given["recipe"], str | None) or NO_RECIPE
    elif recipe is not None:
        recipe = coerce("recipe", recipe, str)
    if command == "search":
        if recipe not in (None, NO_RECIPE):
            raise InputError(f"expected no recipe for a search, got '{recipe}'; give its settings with --set")
        return SearchConfig.read({**given, "recipe": None})
    if command == "train":
        return _train(given, recipe)
    if command == "distill":
        return _distill(given, recipe, names, loss_options or {})
    return _continual(given, recipe, names)


def _set_layers(settings: Mapping[str, Any] | Sequence[str]) -> list[Layer]:
    """Returns settings by key as layers."""
    if not isinstance(settings, Mapping):
        return [parse_setting(text) for text in ([settings] if isinstance(settings, str) else settings)]
    layers: list[Layer] = []
    for path, value in settings.items():
        for key in reversed(str(path).split(".")):
            value = {key: value}
        layers.append(value)
    return layers


def config_of_folder(folder: Path) -> RunConfig:
    """Returns the configuration of a run folder of any command.

    Args:
        folder (Path): The run folder.

    Raises:
        FileNotFoundError: If the folder is not a run.
        InputError: If its configuration is invalid.
    """
    content = _with_given_graphs(folder_config(folder), folder)
    if "trials" in content:
        return SearchConfig.read(content)
    if "stream" in content:
        return ContinualConfig.read(content)
    if "student" in content:
        return DistillConfig.read(content, teacher_of(content))
    return StudentConfig.read(content) if "distill" in content else TrainConfig.read(content)


def _with_given_graphs(content: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Returns the settings with the current path of the graphs in a moved run folder."""
    name = content.get("data", {}).get("name")
    if not isinstance(name, str) or GIVEN not in Path(name).parts or Path(name).exists():
        return content
    inner = Path(*Path(name).parts[Path(name).parts.index(GIVEN) :])
    kept = next((parent / inner for parent in (folder, *folder.resolve().parents) if (parent / inner).exists()), None)
    return content if kept is None else {**content, "data": {**content["data"], "name": str(kept.resolve())}}


def with_model(config: RunConfig, model: Any) -> TrainConfig:
    """Returns a configuration with the object of the user that makes the model.

    Args:
        config (RunConfig): The configuration, or that of a run folder.
        model (torch.nn.Module or Callable): Module, or function ``(in_channels, out_channels) -> Module``.

    Raises:
        InputError: If the model of the configuration is a registered one or has another class, or a module is to be
            trained with several seeds.
    """
    if not isinstance(config, TrainConfig):
        raise InputError(f"`model` is for runs of graphkit train (got a run of {config.command}); leave it out")
    settings = config.model.bind(model)
    if config.seeds > 1 and isinstance(model, torch.nn.Module):
        raise InputError(
            f"a module has the same initial weights with every seed (got {config.seeds} seeds); give a function "
            "(in_channels, out_channels) -> Module"
        )
    return replace(config, model=settings)


def train_config_of(path: Path) -> TrainConfig:
    """Returns the configuration of a run of ``graphkit train``.

    Networks of ``graphkit distill`` are such runs.

    Raises:
        FileNotFoundError: If the folder is not a run.
        InputError: If its configuration is invalid, or it is a run of another command.
    """
    config = config_of_folder(path)
    if isinstance(config, TrainConfig):
        return config
    if config.command == "distill":
        remedy = f"compares several networks; use the run of one of them, such as {path / 'alone'}"
        raise InputError(f"'{path}' is a run of graphkit distill and {remedy}")
    if isinstance(config, SearchConfig):
        remedy = f"the run of one model with its chosen settings, such as {path / config.models[0] / 'chosen'}"
        raise InputError(f"'{path}' is a run of graphkit search; use {remedy}")
    raise InputError(
        f"'{path}' is a run of graphkit {config.command}, and a run of graphkit train is needed here; for its scores "
        f"use: graphkit report {path}"
    )


def teacher_of(given: Mapping[str, Any]) -> TrainConfig | None:
    """Returns the configuration of the trained teacher of some settings, if any.

    Raises:
        FileNotFoundError: If its folder is not a run.
        InputError: If it is a run of another command.
    """
    run = coerce("teacher.run", given.get("teacher", {}).get("run"), str | Path | None)
    if run is None:
        return None
    return train_config_of(Path(run).expanduser())


def _train(given: dict[str, Any], recipe: str | None) -> TrainConfig:
    """Returns the configuration of ``graphkit train``."""
    model, dataset = given.get("model", {}).get("name"), given.get("data", {}).get("name")
    if recipe is None and given.get("data", {}).get("task") == LINKS:
        recipe = NO_RECIPE
    if recipe is None:
        wanted = "factorgcn" if model is None else model, "factor-graphs" if dataset is None else dataset
        recipe = find_recipe(*map(str, wanted)) or NO_RECIPE
    kind = StudentConfig if given.get("distill") else TrainConfig
    given = {key: value for key, value in given.items() if key != "distill" or value}
    if recipe == NO_RECIPE:
        return kind.read({**given, "recipe": None})
    base = train_recipe(recipe)
    for section, name in (("model", model), ("data", dataset)):
        if name is not None and name != base[section]["name"]:
            raise InputError(f"the recipe '{recipe}' is for the {section} '{base[section]['name']}' (got '{name}')")
    return kind.read(merge(base, given, {"recipe": recipe}))


def _distill(
    given: dict[str, Any], recipe: str | None, names: str | None, loss_options: Mapping[str, Any]
) -> DistillConfig:
    """Returns the configuration of ``graphkit distill``."""
    teacher = teacher_of(given)
    dataset = str(given.get("data", {}).get("name", "cora"))
    base: Layer = {}
    if recipe is None and teacher is None:
        recipe = find_recipe("distill", dataset)
        base = _recipes_of_networks(given, dataset) if recipe is None else {}
    recipe = recipe or NO_RECIPE
    if recipe != NO_RECIPE:
        base = distill_recipe(recipe)
        _check_dataset(recipe, base, given)
        if teacher is not None:  # its settings and data are those of its run
            base = {key: value for key, value in base.items() if key not in ("teacher", "data")}
    losses = chosen_losses(names) if names is not None else list(given.get("losses") or {}) or ["lsp"]
    _check_unused(given.get("losses"), losses)
    options = loss_layer(losses, **loss_options)
    merged = merge(base, given, options, {"recipe": None if recipe == NO_RECIPE else recipe})
    settings = merged["losses"]
    return DistillConfig.read({**merged, "losses": {name: settings.get(name, {}) for name in losses}}, teacher)


def _recipes_of_networks(given: Layer, dataset: str) -> Layer:
    """Returns the recipes of teacher and student on a data set, if any."""
    base: dict[str, Any] = {"data": {"name": dataset}}
    for section, default in (("teacher", "gat"), ("student", None)):
        model = given.get(section, {}).get("model", {}).get("name", default)
        name = find_recipe(model, dataset) if model is not None else None
        if name is not None:
            recipe = train_recipe(name)
            network = {key: recipe[key] for key in ("model", "train") if key in recipe}
            base = merge(base, {section: network}, {"data": recipe["data"]} if section == "teacher" else {})
    return base


def _continual(given: dict[str, Any], recipe: str | None, names: str | None) -> ContinualConfig:
    """Returns the configuration of ``graphkit continual``."""
    if recipe is None:
        recipe = find_recipe("continual", str(given.get("data", {}).get("name", "cora"))) or NO_RECIPE
    base: Layer = {}
    if recipe != NO_RECIPE:
        base = continual_recipe(recipe, str(given.get("protocol", "default")))
        _check_dataset(recipe, base, given)
    merged = merge(base, given, {"recipe": None if recipe == NO_RECIPE else recipe})
    strategies = chosen_strategies(names) if names is not None else list(given.get("strategies") or {}) or ["twp"]
    _check_unused(given.get("strategies"), strategies)
    settings = merged.get("strategies") or {}
    return ContinualConfig.read({**merged, "strategies": {name: settings.get(name, {}) for name in strategies}})


def _check_dataset(recipe: str, base: Layer, given: Layer) -> None:
    """Raises an error if a recipe is for another data set."""
    name = given.get("data", {}).get("name", base["data"]["name"])
    if name != base["data"]["name"]:
        raise InputError(f"the recipe '{recipe}' is for the data '{base['data']['name']}' (got '{name}')")


def _check_unused(given: Layer | None, names: Sequence[str]) -> None:
    """Raises an error for settings of losses or strategies that are not used."""
    if unused := [name for name in given or {} if name not in names]:
        raise InputError(f"there are settings for '{unused[0]}', which is not among {', '.join(names)}; remove them")
