"""Predictions of a trained run, and files of predictions."""

import csv
import io
import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from graphkit.data import GraphDataset
from graphkit.errors import InputError
from graphkit.experiments.run_folder import RunFolder
from graphkit.files import write_json, write_text
from graphkit.training.batches import Batches
from graphkit.training.environment import pick_device
from graphkit.training.fit_task import fit_task
from graphkit.training.loop import collect
from graphkit.training.node_batches import node_loader

#: Suffixes of files of predictions.
SUFFIXES = (".csv", ".json")
_FORMULA = tuple("=+-@\t\r\n＝＋－＠")
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")


def predict_run(run: RunFolder, output: str | Path, device: str = "auto") -> int:
    """Writes the predictions of a run for all items of its data set to a file.

    The columns are ``id`` of the node or graph, ``split``, ``prediction`` and one probability per class; or a
    prediction and a probability per label; or the predicted values. The formats are those of :func:`write_rows`.
    Predictions are those of the seed with the best validation score; under the ten-fold protocol, those of the fold
    that held out the graph, with the first seed.

    Args:
        run (RunFolder): A completed run.
        output (str or Path): File with the suffix ``.csv`` or ``.json``.
        device (str, optional): Device, such as ``"cpu"`` or ``"cuda:0"``. (default: ``"auto"``)

    Returns:
        int: Number of rows.

    Raises:
        InputError: If the run is not complete, its items are nodes of many graphs, or the file cannot be written.
    """
    check_output(output)
    dataset = run.fits[0].dataset
    if not run.result:
        raise InputError(f"the run '{run.path}' has not ended; continue it with: graphkit train --resume {run.path}")
    if not dataset.is_single_graph and dataset.level == "node":
        raise InputError(
            "predictions are written for one graph or for graphs, not for the nodes of many graphs "
            f"(got {dataset.name}); use graphkit.experiments.open_run(RUN).model in Python"
        )
    torch_device = pick_device(device)
    if run.result["selected_on"] == "fold":
        predicted, parts = _out_of_fold(run, torch_device)
    else:
        predicted, parts = _by_one(run.best, torch_device)
    write_rows(output, _rows(run.best.dataset, *predicted, parts))
    return len(parts)


def _by_one(fit: RunFolder, device: torch.device) -> tuple[tuple[Tensor, Tensor], list[str]]:
    """Returns predictions and values of a fit for all items, and the split of every item."""
    dataset = fit.dataset
    count = int(dataset.graphs[0].num_nodes or 0) if dataset.is_single_graph else len(dataset.graphs)
    model, batch_size = fit.model.to(device), fit.config.train.batch_size
    nodes = node_loader(model, dataset, batch_size)
    outputs, _ = collect(model, Batches(dataset, torch.arange(count), batch_size, device, nodes=nodes))
    parts = ["none"] * count
    for name in ("train", "val", "test"):
        for index in getattr(fit.split, name).tolist():
            parts[index] = name
    return fit_task(dataset, fit.split, fit.config.train).predict(outputs.cpu()), parts


def _out_of_fold(run: RunFolder, device: torch.device) -> tuple[tuple[Tensor, Tensor], list[str]]:
    """Returns predictions and values for all graphs, each from the fold that held it out."""
    fits = [fit for fit in run.fits if fit.config.seed == run.config.seed]
    count = len(fits[0].dataset.graphs)
    predictions, values, parts = torch.empty(0), torch.empty(0), ["none"] * count
    for fold, fit in enumerate(fits):
        held_out = Batches(fit.dataset, fit.split.test, fit.config.train.batch_size, device)
        outputs = collect(fit.model.to(device), held_out)[0].cpu()
        prediction, value = fit_task(fit.dataset, fit.split, fit.config.train).predict(outputs)
        if not fold:
            predictions, values = (tensor.new_zeros(count, *tensor.shape[1:]) for tensor in (prediction, value))
        predictions[fit.split.test], values[fit.split.test] = prediction, value
        for index in fit.split.test.tolist():
            parts[index] = f"fold-{fit.config.data.fold}"
    return (predictions, values), parts


def _rows(dataset: GraphDataset, predictions: Tensor, values: Tensor, parts: list[str]) -> list[dict[str, Any]]:
    """Returns the predictions as rows, see :func:`write_rows`."""
    names = dataset.class_names or tuple(str(index) for index in range(dataset.num_outputs))
    several, regression = predictions.dim() > 1, dataset.task.endswith("regression")
    rows = []
    for index, split in enumerate(parts):
        row: dict[str, Any] = {"id": dataset.node_names[index] if dataset.node_names else index, "split": split}
        if several:
            row["predictions"] = dict(zip(names, predictions[index].tolist(), strict=True))
        else:
            row["prediction"] = names[int(predictions[index])]
        if not regression:
            row["probabilities"] = dict(zip(names, values[index].tolist(), strict=True))
        rows.append(row)
    return rows


def check_output(output: str | Path) -> None:
    """Checks the path of a file of predictions before anything is computed.

    Raises:
        InputError: If the name ends in neither ``.csv`` nor ``.json``, or its folder does not exist.
    """
    path = Path(output)
    if path.suffix.lower() not in SUFFIXES:
        raise InputError(f"`output` must end in {' or '.join(SUFFIXES)} (got '{output}')")
    if path.is_dir() or not path.parent.is_dir():
        what = "it is a folder" if path.is_dir() else f"there is no folder '{path.parent}'"
        raise InputError(f"the predictions cannot be written to '{output}' ({what})")


def write_rows(output: str | Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """Writes predictions as JSON or CSV, by the suffix of the file.

    JSON contains a list of the rows, with ``null`` for numbers that are not finite. CSV contains a column per name in
    ``probabilities`` (``probability_NAME``, with six digits) and in ``predictions`` (``prediction_NAME``). A text that
    begins with ``=``, ``+``, ``-``, ``@``, a tab or a line end and is no number is prefixed with an apostrophe, since
    spreadsheets would evaluate it as a formula.

    Args:
        output: The file.
        rows: The rows, whose columns may differ.

    Raises:
        InputError: If the file cannot be written.
    """
    try:
        if Path(output).suffix.lower() == ".json":
            write_json(output, [_finite(row) for row in rows])
            return
        flat = [_flat(row) for row in rows]
        head = dict.fromkeys(name for row in flat for name in row)
        table = io.StringIO()
        writer = csv.writer(table, lineterminator="\n")
        writer.writerow([csv_cell(name) for name in head])
        writer.writerows([csv_cell(row.get(name, "")) for name in head] for row in flat)
        write_text(output, table.getvalue())
    except OSError as error:
        reason = error.strerror or error
        raise InputError(
            f"the predictions cannot be written to '{output}' ({reason}); free space, or choose another place"
        ) from None


def csv_cell(value: Any) -> Any:
    """Returns a CSV cell that is no formula in a spreadsheet, see :func:`write_rows`.

    Example:
        >>> csv_cell("=1+2"), csv_cell("-5"), csv_cell(-5), csv_cell("a")
        ("'=1+2", '-5', -5, 'a')
    """
    if not isinstance(value, str):
        return value
    value = value.encode("utf-8", "backslashreplace").decode("utf-8")  # file names may be invalid UTF-8
    return f"'{value}" if value.startswith(_FORMULA) and not _NUMBER.fullmatch(value) else value


def _flat(row: Mapping[str, Any]) -> dict[str, Any]:
    """Returns a row with an entry per column of the table."""
    cells: dict[str, Any] = {}
    for key, value in row.items():
        if key == "probabilities":
            cells |= {f"probability_{name}": f"{number:.6g}" for name, number in value.items()}
        elif key == "predictions":
            cells |= {f"prediction_{name}": number for name, number in value.items()}
        else:
            cells[key] = value
    return cells


def _finite(value: Any) -> Any:
    """Returns values for JSON, with ``None`` for numbers that are not finite."""
    if isinstance(value, Mapping):
        return {key: _finite(item) for key, item in value.items()}
    return None if isinstance(value, float) and not math.isfinite(value) else value
