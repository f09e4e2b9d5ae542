"""Data set of a resolved configuration."""

from typing import Any

from graphkit import data
from graphkit.data import GraphDataset
from graphkit.errors import InputError


def load_dataset(config: dict[str, Any]) -> GraphDataset:
    """Returns the data set of a resolved configuration; generated data are drawn with the run's seed."""
    options = {key: value for key, value in config["data"].items() if key not in ("name", "fold")}
    if "seed" in data.options(config["data"]["name"]) and options.get("seed") is None:
        options["seed"] = config["seed"]
    dataset = data.load(config["data"]["name"], **options)
    fold = config["data"]["fold"]
    if fold is not None and not 0 <= fold < len(dataset.splits):
        raise InputError(f"`data.fold` must be below {len(dataset.splits)}, the number of splits (got {fold})")
    return dataset


def data_key(config: dict[str, Any]) -> Any:
    """Returns what the data of a fit depend on."""
    options = {key: value for key, value in config["data"].items() if key != "fold"}
    drawn = "seed" in data.options(config["data"]["name"]) and options.get("seed") is None
    return (options, config["seed"] if drawn else None)
