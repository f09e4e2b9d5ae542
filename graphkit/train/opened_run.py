"""Opens a run folder again: its settings, its data and its trained model."""

import csv
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from graphkit.data import GraphDataset, Split
from graphkit.errors import InputError
from graphkit.files import read_json
from graphkit.nn import GraphModel
from graphkit.train.checkpoint import load_weights, put_weights
from graphkit.train.config import resolve
from graphkit.train.folder import folder_config
from graphkit.train.model import make_model
from graphkit.train.run import data_key, load_dataset


@dataclass
class Run:
    """A run folder. What is expensive (data, model) is loaded when it is first asked for.

    Args:
        path: The folder.
        config: Its resolved configuration.
        parent: The run that this one is a seed or a fold of, if it was opened through it.
    """

    path: Path
    config: dict[str, Any]
    parent: "Run | None" = None

    @cached_property
    def result(self) -> dict[str, Any]:
        """The content of ``result.json``; empty while the run has not ended."""
        return self._json("result.json")

    @cached_property
    def environment(self) -> dict[str, Any]:
        """The content of ``env.json``."""
        return self._json("env.json")

    @cached_property
    def metrics(self) -> list[dict[str, float | None]]:
        """The rows of ``metrics.csv``; empty for a run of several fits, whose children have them."""
        path = self.path / "metrics.csv"
        if not path.is_file():
            return []
        with path.open(encoding="utf-8", newline="") as file:
            rows = csv.DictReader(file)
            return [{key: float(value) if value else None for key, value in row.items()} for row in rows]

    @cached_property
    def children(self) -> tuple["Run", ...]:
        """The runs of the single seeds and folds, in order; empty for a single fit."""
        folders = [path.parent for path in self.path.glob("*/config.yaml")]
        runs = [open_run(folder) for folder in sorted(folders, key=_numbers)]
        return tuple(Run(run.path, run.config, parent=self) for run in runs)

    @property
    def fits(self) -> tuple["Run", ...]:
        """The single fits: the children, or the run itself."""
        return self.children or (self,)

    @property
    def best(self) -> "Run":
        """The fit with the best validation score (the first one where there is no validation)."""
        maximize = self.result.get("metric") != "mae"

        def score(run: "Run") -> float:
            mean = (run.result.get("validation") or {}).get("mean", 0.0)
            return mean if maximize else -mean

        return max(self.fits, key=score)

    @cached_property
    def dataset(self) -> GraphDataset:
        """The data set, loaded anew from where the configuration says; once for all fits that have the same."""
        if self.parent is not None and data_key(self.parent.config) == data_key(self.config):
            return self.parent.dataset
        return load_dataset(self.config)

    @property
    def split(self) -> Split:
        """The split that this fit was trained on."""
        return self.dataset.splits[(self.config["data"]["fold"] or 0) % len(self.dataset.splits)]

    @cached_property
    def model(self) -> GraphModel:
        """The trained model with the weights of the chosen epoch, in evaluation mode, on the CPU.

        Raises:
            FileNotFoundError: If the run has not ended.
            ValueError: If the weights are damaged or not those of the configuration.
        """
        path = self.path / "model.safetensors"
        weights = load_weights(path)
        model = make_model(self.config, self.dataset)
        put_weights(model, weights, path)
        return model.eval()

    def _json(self, name: str) -> dict[str, Any]:
        path = self.path / name
        return read_json(path) if path.is_file() else {}


def open_run(path: str | Path) -> Run:
    """Opens a run folder.

    Raises:
        FileNotFoundError: If the folder is not a run.
        ValueError: If its configuration cannot be used.
    """
    path = Path(path)
    content = folder_config(path)
    if "student" in content:
        raise InputError(f"'{path}' compares several networks; take the run of one of them, such as {path / 'alone'}")
    return Run(path, resolve(content))


def _numbers(path: Path) -> list[int]:
    """Returns the numbers in a folder's name, so that fold-10 comes after fold-9."""
    return [int(part) for part in path.name.split("-") if part.isdigit()]
