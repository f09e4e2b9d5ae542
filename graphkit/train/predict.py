"""The predictions of a trained run."""

import csv
import io
from pathlib import Path

import torch
from torch import Tensor

from graphkit.data import GraphDataset
from graphkit.errors import InputError
from graphkit.files import write_text
from graphkit.tasks import make_task
from graphkit.train.batches import Batches
from graphkit.train.environment import pick_device
from graphkit.train.loop import collect
from graphkit.train.node_batches import node_loader
from graphkit.train.opened_run import Run


def predict_run(run: Run, output: str | Path, device: str = "auto") -> int:
    """Writes the predictions of a run for every item of its data set as a CSV file.

    The columns are ``id`` (of the node or the graph), ``split``, ``prediction`` and one probability per class, or per
    label a prediction and a probability, or the predicted values. Of several seeds, the one with the best validation
    score predicts. Of ten folds, each graph is predicted by the fold that held it out, with the first seed.

    Args:
        run: The run, which must have ended.
        output: The file to write.
        device: Where to compute.

    Returns:
        The number of rows.

    Raises:
        ValueError: If the run has not ended, its items are the nodes of many graphs, or the file cannot be written.
    """
    dataset = run.fits[0].dataset
    if not run.result:
        raise InputError(f"the run '{run.path}' has not ended; continue it with: graphkit train --resume {run.path}")
    if not dataset.is_single_graph and dataset.level == "node":
        raise InputError(
            "predictions are written for one graph or for graphs, not for the nodes of many graphs "
            f"(got {dataset.name}); use graphkit.train.open_run(RUN).model in Python"
        )
    place = pick_device(device)
    if run.result["selected_on"] == "fold":
        outputs, parts = _out_of_fold(run, place)
    else:
        outputs, parts = _by_one(run.best, place)
    try:
        write_text(output, _table(run.best.dataset, outputs, parts))
    except OSError as error:
        raise InputError(f"the predictions cannot be written to '{output}' ({error.strerror})") from None
    return len(parts)


def _by_one(fit: Run, place: torch.device) -> tuple[Tensor, list[str]]:
    """Returns one fit's outputs for all items, and the part of its split that each belongs to."""
    dataset = fit.dataset
    count = int(dataset.graphs[0].num_nodes or 0) if dataset.is_single_graph else len(dataset.graphs)
    model, batch_size = fit.model.to(place), fit.config["train"]["batch_size"]
    nodes = node_loader(model, dataset, batch_size)
    outputs, _ = collect(model, Batches(dataset, torch.arange(count), batch_size, place, nodes=nodes))
    parts = ["none"] * count
    for name in ("train", "val", "test"):
        for index in getattr(fit.split, name).tolist():
            parts[index] = name
    return outputs.cpu(), parts


def _out_of_fold(run: Run, place: torch.device) -> tuple[Tensor, list[str]]:
    """Returns the outputs for all graphs, each by the fold that it was held out of."""
    fits = [fit for fit in run.fits if fit.config["seed"] == run.config["seed"]]
    count = len(fits[0].dataset.graphs)
    outputs, parts = torch.empty(0), ["none"] * count
    for fold, fit in enumerate(fits):
        held_out = Batches(fit.dataset, fit.split.test, fit.config["train"]["batch_size"], place)
        found = collect(fit.model.to(place), held_out)[0].cpu()
        if not fold:
            outputs = found.new_zeros(count, found.size(1))
        outputs[fit.split.test] = found
        for index in fit.split.test.tolist():
            parts[index] = f"fold-{fit.config['data']['fold']}"
    return outputs, parts


def _table(dataset: GraphDataset, outputs: Tensor, parts: list[str]) -> str:
    """Returns the predictions as CSV."""
    predictions, values = make_task(dataset.task, dataset.metric).predict(outputs)
    names = dataset.class_names or tuple(str(index) for index in range(dataset.num_outputs))
    several, regression = predictions.dim() > 1, dataset.task == "graph-regression"
    head = [f"prediction_{name}" for name in names] if several else ["prediction"]
    table = io.StringIO()
    writer = csv.writer(table, lineterminator="\n")
    writer.writerow(["id", "split", *head, *([] if regression else [f"probability_{name}" for name in names])])
    for index, part in enumerate(parts):
        label = predictions[index].tolist() if several else [names[int(predictions[index])]]
        probability = [] if regression else [f"{value:.6g}" for value in values[index].tolist()]
        item = dataset.node_names[index] if dataset.node_names else index
        writer.writerow([item, part, *label, *probability])
    return table.getvalue()
