"""A search of the same size for every strategy, decided on validation items."""

from collections.abc import Callable, Iterator
from copy import deepcopy
from typing import Any

from graphkit.registry import get_strategy

#: From a configuration, a strategy and a name to what a fit returned.
FitOne = Callable[[dict[str, Any], str, str], dict[str, Any]]


def search_trials(config: dict[str, Any]) -> dict[str, dict[str, dict[str, Any]]]:
    """Returns the configurations of all fits of a search, by strategy and then by the folder of each.

    They have a seed that none of the runs has. A strategy without settings is not there: it has nothing to try.
    """
    return {name: dict(_trials(config, name)) for name in config["strategies"] if len(get_strategy(name).grid) > 1}


def _trials(config: dict[str, Any], name: str) -> Iterator[tuple[str, dict[str, Any]]]:
    for number, setting in enumerate(get_strategy(name).grid):
        child = deepcopy(config)
        child["seed"], child["seeds"] = config["seed"] + config["seeds"], 1
        child["strategies"][name] = {**config["strategies"][name], **setting}
        yield f"search-{number}", child


def search_settings(config: dict[str, Any], fit: FitOne) -> dict[str, list[dict[str, Any]]]:
    """Tries every setting in the grid of every strategy once, with a seed that none of the runs has.

    Args:
        config: A resolved configuration; the settings that win are written into its ``strategies``.
        fit: Does one fit.

    Returns:
        What was tried: for each strategy a list of ``options`` and ``validation``, the mean score over the validation
        items of all tasks at the end, by which the best was chosen (the first of several). A strategy without settings
        is not there: it has nothing to try.
    """
    tried: dict[str, list[dict[str, Any]]] = {}
    for name, trials in search_trials(config).items():
        tried[name] = []
        for subfolder, child in trials.items():
            validation = fit(child, name, subfolder)["validation"]
            tried[name].append({"options": child["strategies"][name], "validation": validation})
        best = max(tried[name], key=lambda entry: -1.0 if entry["validation"] is None else entry["validation"])
        config["strategies"][name] = best["options"]
    return tried
