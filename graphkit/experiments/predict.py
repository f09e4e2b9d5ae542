"""Predictions of a run for its data set and for new graphs."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from graphkit.data import GraphDataset, load_like
from graphkit.data.loading import LINKS
from graphkit.data.schema import SCHEMA, Schema
from graphkit.errors import InputError
from graphkit.experiments.predict_links import predict_links
from graphkit.experiments.predictions import Predictions
from graphkit.experiments.run_folder import RunFolder
from graphkit.tasks import Classification, Regression, Task
from graphkit.training.batches import Batches
from graphkit.training.build_model import check_graphs
from graphkit.training.environment import pick_device
from graphkit.training.fit_task import fit_task
from graphkit.training.loop import collect
from graphkit.training.node_batches import node_loader


def predict_run(run: RunFolder, data: Any = None, device: str = "auto", top: int | None = None) -> Predictions:
    """Returns the predictions of a run for its data set, or for new graphs or pairs.

    Predictions are those of the seed with the best validation score. Under the ten-fold protocol, a graph of the data
    set is predicted by the fold that held it out, with the first seed; for new graphs, the probabilities (or values) of
    the folds of the first seed are averaged.

    Args:
        run (RunFolder): A completed run of a model of graphs, or of clips without ``data``.
        data (str, Path or object, optional): New graphs in one of the forms of :func:`graphkit.load`, which may lack
            targets. They are read and transformed as the training data. (default: ``None``, the data set of the run)
        device (str, optional): Device, such as ``"cpu"`` or ``"cuda:0"``. (default: ``"auto"``)
        top (int, optional): For link prediction, number of new links of each node, see
            :func:`~graphkit.experiments.predict_links.predict_links`. (default: ``None``)

    Raises:
        InputError: If the run is not complete, or the new graphs differ from the training data in their features,
            classes or edge attributes.
        FileNotFoundError: If the path does not exist.

    Example:
        >>> import graphkit, tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     run = graphkit.fit("gcn", "karate", epochs=1, output=folder)
        ...     run.predict()
        Predictions(34 items, 4 classes)
    """
    check_complete(run)
    if run.result["task"] == LINKS:
        return predict_links(run, data, device, top)
    if top is not None:
        raise InputError(f"`top` is for {LINKS} (got {top} for {run.result['task']}); leave it out")
    torch_device = pick_device(device)
    fits: Sequence[RunFolder] = [run.best]
    if run.result["selected_on"] == "fold":
        fits = [fit for fit in run.fits if fit.config.seed == run.config.seed]
    if data is None:
        return _of_own_data(fits, torch_device)
    fits = [_with_schema(fit) for fit in fits]
    dataset = load_like(data, fits[0].dataset, fits[0].config.data)
    outputs = [_outputs(fit, dataset, _all_items(dataset), torch_device) for fit in fits]
    prediction, value, y = outputs[0]
    if len(outputs) > 1:
        value = torch.stack([value for _, value, _ in outputs]).mean(dim=0)
        prediction = _decide(fit_task(fits[0].dataset, fits[0].split, fits[0].config.train), value)
    return replace(_predictions(dataset, prediction, value, y), notes=dataset.notes)


def check_complete(run: RunFolder) -> None:
    """Raises an error for a run without a result."""
    if not run.result:
        raise InputError(f"the run '{run.path}' has not ended; continue it with: graphkit train --resume {run.path}")


def _with_schema(fit: RunFolder) -> RunFolder:
    """Returns a fit with a data set of the schema of its training data.

    Fits of earlier versions have no schema; they load the training data.

    Raises:
        FileNotFoundError: If there is neither a schema nor the training data.
    """
    if (fit.path / SCHEMA).is_file():
        return fit.with_dataset(Schema.read(fit.path / SCHEMA).dataset())
    try:
        return fit.with_dataset(fit.dataset)
    except FileNotFoundError as error:
        raise FileNotFoundError(f"the training data of the run '{fit.path}' define its classes: {error}") from None


def _of_own_data(fits: Sequence[RunFolder], device: torch.device) -> Predictions:
    """Returns the predictions for the data set of a run.

    With several folds, they are those of the fold that held out the item.
    """
    dataset = fits[0].dataset
    if len(fits) == 1:
        ids_of = {name: getattr(fits[0].split, name) for name in ("train", "val", "test")}
        predicted = [_outputs(fits[0], dataset, _all_items(dataset), device)]
        rows = torch.arange(len(predicted[0][0]))
    else:
        ids_of = {f"fold-{fit.config.data.fold}": fit.split.test for fit in fits}
        predicted = [_outputs(fit, fit.dataset, fit.split.test, device) for fit in fits]
        rows = torch.cat([_rows_of(dataset, fit.split.test) for fit in fits])
    split_of = np.full(int(_all_items(dataset).numel()), "none", dtype=object)
    for name, ids in ids_of.items():
        split_of[ids.numpy()] = name
    if _is_nodes_of_graphs(dataset):
        split_of = np.repeat(split_of, dataset.graphs.num_nodes.numpy())  # type: ignore[attr-defined]
    order = rows.argsort()
    prediction, value, y = (torch.cat(parts)[order] for parts in zip(*predicted, strict=True))
    return _predictions(dataset, prediction, value, y, split_of)


def _outputs(fit: RunFolder, dataset: GraphDataset, ids: Tensor, device: torch.device) -> tuple[Tensor, Tensor, Tensor]:
    """Returns predictions, probabilities or values, and targets of some items."""
    model, settings = fit.model.to(device), fit.config.train
    check_graphs(model, dataset)
    _check_weights(model, dataset, fit.dataset)
    # A batch has nodes of one graph, or graphs.
    batch_size = settings.batch_size if dataset.is_single_graph == fit.dataset.is_single_graph else None
    nodes = node_loader(model, dataset, batch_size)
    outputs, y = collect(model, Batches(dataset, ids, batch_size, device, nodes=nodes))
    return *fit_task(fit.dataset, fit.split, settings).predict(outputs.cpu()), y.cpu()


def _check_weights(model: torch.nn.Module, dataset: GraphDataset, trained: GraphDataset) -> None:
    """Raises an error for edge weights in only one of two data sets, if used."""
    has, had = ("edge_weight" in one.graphs[0] for one in (dataset, trained))
    if has != had and getattr(model, "uses_edge_weight", False):
        expected, got, remedy = ("", "none", "add them") if had else ("no ", "some", "leave them out")
        raise InputError(
            f"{dataset.name}: expected {expected}edge weights, as in the training data, got {got}; {remedy}"
        )


def _all_items(dataset: GraphDataset) -> Tensor:
    """Returns the ids of all nodes of one graph, of all graphs, or of all clips."""
    return torch.arange(int(dataset.graphs[0].num_nodes or 0) if dataset.is_single_graph else len(dataset.graphs))


def _is_nodes_of_graphs(dataset: GraphDataset) -> bool:
    """Returns whether the items are nodes of many graphs."""
    return dataset.level == "node" and not dataset.is_single_graph


def _rows_of(dataset: GraphDataset, ids: Tensor) -> Tensor:
    """Returns the rows of some items in the outputs."""
    if not _is_nodes_of_graphs(dataset):
        return ids
    ptr = dataset.graphs.node_ptr  # type: ignore[attr-defined]
    return torch.cat([torch.arange(int(ptr[index]), int(ptr[index + 1])) for index in ids.tolist()])


def _decide(task: Task, value: Tensor) -> Tensor:
    """Returns the predictions for mean probabilities or values."""
    if isinstance(task, Regression):
        return value
    return value.argmax(dim=-1) if isinstance(task, Classification) else (value > 0.5).long()


def _predictions(
    dataset: GraphDataset, prediction: Tensor, value: Tensor, y: Tensor, split: np.ndarray | None = None
) -> Predictions:
    """Returns predictions with the ids and names of a data set."""
    names = dataset.class_names or tuple(map(str, range(dataset.num_outputs)))
    ids, graph = _ids(dataset)
    if prediction.dim() == 1:
        words = np.array([*names, ""])  # the last one for -1
        predicted, target = words[prediction.numpy()], words[y.view(-1).numpy()]
        has_target = bool((target != "").any())
    else:
        predicted, target = prediction.numpy(), y.view(prediction.shape).numpy()
        if dataset.task.endswith("regression"):  # decimal digits of the data: 0.1 instead of the nearest float32
            target = target.astype(str)
        target = target.astype(float)
        has_target = not bool(np.isnan(target).all())
    return Predictions(
        ids=ids,
        prediction=predicted,
        probability=None if dataset.task.endswith("regression") else value.numpy(),
        target=target if has_target else None,
        names=names,
        graph=graph,
        split=() if split is None else tuple(split.tolist()),
        problems={row.id: row.reason for row in dataset.rejected},
        smiles=dataset.smiles,
    )


def _ids(dataset: GraphDataset) -> tuple[tuple[str | int, ...], tuple[str | int, ...]]:
    """Returns the ids of the items and, for nodes of many graphs, of their graphs."""
    if dataset.holds == "skeleton clips":
        names: tuple[str, ...] = dataset.graphs.names  # type: ignore[attr-defined]
        return names or tuple(range(len(dataset.graphs))), ()
    if dataset.is_single_graph:
        return dataset.node_names or tuple(range(int(dataset.graphs[0].num_nodes or 0))), ()
    graph_ids: tuple[str | int, ...] = dataset.graph_names or tuple(range(len(dataset.graphs)))
    if dataset.level == "graph":
        return dataset.graph_names or dataset.node_names or graph_ids, ()
    counts = dataset.graphs.num_nodes.tolist()  # type: ignore[attr-defined]
    nodes: tuple[str | int, ...] = dataset.node_names or tuple(node for count in counts for node in range(count))
    return nodes, tuple(graph for graph, count in zip(graph_ids, counts, strict=True) for _ in range(count))
