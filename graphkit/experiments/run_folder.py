"""Run folder: settings, results, data and trained model of a run."""

import csv
import importlib
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from graphkit.data import GraphDataset, Split
from graphkit.errors import InputError
from graphkit.experiments.build_config import train_config_of, with_model
from graphkit.files import read_json
from graphkit.nn import GraphModel
from graphkit.training.build_model import make_model
from graphkit.training.checkpoint import load_weights, put_weights
from graphkit.training.fingerprint import check_data
from graphkit.training.run_files import read_result, read_train_result
from graphkit.training.run_result import validation_rank
from graphkit.training.train_config import RunConfig, TrainConfig
from graphkit.training.trainer import COLUMNS

if TYPE_CHECKING:
    from graphkit.experiments.predictions import Predictions


@dataclass(repr=False)
class ResultFolder:
    """Folder of a run of any command.

    Args:
        path (Path): The folder.
        config (RunConfig): Its configuration.
    """

    path: Path
    config: RunConfig

    def __repr__(self) -> str:
        return f"{type(self).__name__}({str(self.path)!r}, {self.config.command} on {self.config.data.name})"

    @cached_property
    def result(self) -> dict[str, Any]:
        """Content of ``result.json``; empty for an incomplete run.

        Raises:
            InputError: If it is damaged, or of a later version of graphkit.
        """
        return read_train_result(self.path) if self.config.command == "train" else read_result(self.path)

    @cached_property
    def environment(self) -> dict[str, Any]:
        """Content of ``env.json``: software, hardware and fingerprint of the data."""
        return read_environment(self.path)

    def report(self) -> Path:
        """Writes ``report.html`` and returns its path, see :func:`graphkit.report.report`."""
        return cast(Path, _verb("graphkit.report", "report")(self.path))


@dataclass(repr=False)
class RunFolder(ResultFolder):
    """Folder of a run with models; data and model are loaded at the first access.

    Args:
        path (Path): The folder.
        config (TrainConfig): Its configuration.
        parent (RunFolder, optional): Run that this fit is a seed or fold of. (default: ``None``)
    """

    config: TrainConfig
    parent: "RunFolder | None" = None

    @cached_property
    def metrics(self) -> list[dict[str, float | None]]:
        """Rows of ``metrics.csv``; empty for a run of several fits.

        Raises:
            InputError: If a column is missing or a value is no number; the message names the line.
        """
        path = self.path / "metrics.csv"
        return read_table(path) if path.is_file() else []

    @cached_property
    def members(self) -> tuple["RunFolder", ...]:
        """Runs of the single seeds and folds, in order; empty for a single fit."""
        folders = [path.parent for path in self.path.glob("*/config.yaml")]
        runs = [open_run(folder) for folder in sorted(folders, key=_numbers)]
        return tuple(RunFolder(run.path, replace(run.config, model=self.config.model), parent=self) for run in runs)

    @property
    def fits(self) -> tuple["RunFolder", ...]:
        """Single fits: the members, or the run itself."""
        return self.members or (self,)

    @property
    def best(self) -> "RunFolder":
        """Fit with the best validation score; the first one without validation."""
        return max(self.fits, key=lambda fit: validation_rank(fit.result))

    @cached_property
    def dataset(self) -> GraphDataset:
        """Data set of the configuration, shared by all fits with the same data.

        Raises:
            InputError: If the data have changed since the training.
        """
        key = self.config.data.key(self.config.seed)
        if self.parent is not None and self.parent.config.data.key(self.parent.config.seed) == key:
            return self.parent.dataset
        dataset = self.config.data.load(self.config.seed)
        check_data(self.path, dataset)
        return dataset

    def with_dataset(self, dataset: GraphDataset) -> "RunFolder":
        """Returns the run with a data set that is already loaded."""
        run = replace(self)
        run.dataset = dataset
        return run

    @property
    def split(self) -> Split:
        """Split of this fit."""
        return self.dataset.split_of(self.config.data.fold, self.config.seed)

    @cached_property
    def model(self) -> GraphModel:
        """Trained model of the selected epoch, in evaluation mode, on the CPU.

        Raises:
            FileNotFoundError: If the run is not complete.
            InputError: If the weights are damaged or do not match the configuration.
        """
        path = self.path / "model.safetensors"
        weights = load_weights(path)
        model = make_model(self.config.model, self.dataset)
        put_weights(model, weights, path)
        return model.eval()

    def evaluate(self, device: str = "auto") -> dict[str, Any]:
        """Returns scores of the weights, see :func:`graphkit.experiments.evaluate_run`."""
        result: dict[str, Any] = _verb("graphkit.experiments.evaluate", "evaluate_run")(self, device)
        return result

    def predict(self, data: Any = None, device: str = "auto", top: int | None = None) -> "Predictions":
        """Returns predictions for the data set of the run, or for new data.

        Args:
            data (str, Path or object, optional): New graphs, see :func:`graphkit.experiments.predict_run`; or, for a
                model of clips, files and folders of clips, see :func:`graphkit.export.predict_clips`. (default:
                ``None``, the data set of the run)
            device (str, optional): Device, such as ``"cpu"`` or ``"cuda:0"``. (default: ``"auto"``)
            top (int, optional): For link prediction, number of new links of each node. (default: ``None``)
        """
        predictions: Predictions
        if data is not None and self.config.model.model_class.reads == "skeleton clips":
            predictions = _verb("graphkit.export.predict_clips", "predict_clips")(self, data, device)
        else:
            predictions = _verb("graphkit.experiments.predict", "predict_run")(self, data, device, top)
        return predictions

    def export(self, format: str = "onnx", output: str | Path | None = None) -> dict[str, Any]:
        """Exports the model to a file, see :func:`graphkit.export.export_run`."""
        content: dict[str, Any] = _verb("graphkit.export", "export_run")(self, format, output)
        return content


def folder_of(path: Path, config: RunConfig) -> ResultFolder:
    """Returns the folder of a run, a :class:`RunFolder` if it has models."""
    return RunFolder(path, config) if isinstance(config, TrainConfig) else ResultFolder(path, config)


def _verb(module: str, function: str) -> Any:
    """Returns a function of a module that imports this one."""
    return getattr(importlib.import_module(module), function)


def read_environment(folder: Path) -> dict[str, Any]:
    """Returns the content of ``env.json`` of a run folder, ``{}`` without this file.

    Raises:
        InputError: If it is damaged.
    """
    path = folder / "env.json"
    content = read_json(path, "delete it") if path.is_file() else {}
    if not isinstance(content, dict):
        raise InputError(f"'{path}' is damaged (no keys and values); delete it")
    return content


def open_run(path: str | Path, model: Any = None) -> RunFolder:
    """Opens the run folder of a training, or of one network of ``graphkit distill``.

    Args:
        path (str or Path): The folder.
        model (torch.nn.Module or Callable, optional): For a run of :func:`graphkit.fit` with a model of your own, the
            module or function that was given there. (default: ``None``)

    Returns:
        RunFolder: The run folder.

    Raises:
        FileNotFoundError: If the folder is not a run.
        InputError: If its configuration is invalid, or it is a run of another command.
    """
    path = Path(path)
    config = train_config_of(path)
    return RunFolder(path, config if model is None else with_model(config, model))


def read_table(path: Path) -> list[dict[str, float | None]]:
    """Returns the rows of ``metrics.csv``, with ``None`` for empty fields.

    Raises:
        InputError: If a column is missing or a value is no number; the message names the line.
    """
    remedy = "delete it, and write it again with: graphkit train --resume RUN"
    try:
        with path.open(encoding="utf-8", newline="") as file:
            head, *rows = list(csv.reader(file)) or [[]]
    except (csv.Error, UnicodeDecodeError) as error:
        raise InputError(f"'{path}' is damaged ({error}); {remedy}") from None
    missing = next((name for name in COLUMNS if name not in head), None)
    if missing is not None:
        raise InputError(f"'{path}' is damaged (it has no column '{missing}'); {remedy}")
    table: list[dict[str, float | None]] = []
    for line, row in enumerate(rows, start=2):
        try:
            table.append({name: float(text) if text else None for name, text in zip(head, row, strict=True)})
        except ValueError:
            raise InputError(f"'{path}', line {line}, is damaged ({','.join(row):.60}); {remedy}") from None
        if table[-1]["epoch"] is None or table[-1]["loss"] is None:
            raise InputError(f"'{path}', line {line}, is damaged (no epoch or no loss); {remedy}")
    return table


def _numbers(path: Path) -> list[int]:
    """Returns the numbers in the name of a folder, for a numerical order."""
    return [int(token) for token in path.name.split("-") if token.isdigit()]
