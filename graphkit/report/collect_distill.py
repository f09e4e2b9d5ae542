"""What the figures of a comparison of distilled students are drawn from, computed with the networks in its folder."""

from copy import copy
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch_geometric import EdgeIndex

from graphkit.distill import local_structure
from graphkit.distill.distillation import bones, hidden_layer
from graphkit.distill.layer_capture import LayerOutput, find_layer, listening
from graphkit.distill.loss_settings import split_layers
from graphkit.distill.union_edges import united_edges
from graphkit.experiments import RunFolder, open_run
from graphkit.experiments.load_teacher import load_teacher
from graphkit.report.no_picture import NoPicture, loading

#: Graphs of a batch that local structures are computed for.
_BATCH = 200


@torch.no_grad()
def structures(folder: Path, config: dict[str, Any]) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Returns the local structures of the first fit of each student and of its teacher, by name.

    Both are computed in the same way, by the kernel ``"rbf"`` on features scaled to length 1, so that they are
    comparable over networks of any width; at the layers of the loss ``lsp`` if it was compared, else at the last hidden
    ones. Each weight is multiplied by the number of edges into its node.

    Raises:
        NoPicture: If the graph has no node with two or more edges into it, a network has no layer of node features, or
            the data or a network cannot be loaded any more.
    """
    with loading():
        alone = open_run(folder / "alone").fits[0]
        dataset = alone.dataset
        path = Path(config["teacher"].get("run") or folder / "teacher")
        teacher = load_teacher(open_run(path), alone.config, dataset)
        _ = teacher.model
    chosen = config["losses"].get("lsp", {}).get("layers")
    by_node = dataset.level == "node"
    pairs: dict[str, tuple[np.ndarray, np.ndarray]] = {}
    theirs: LayerOutput | None = None
    for name in ("alone", *config["losses"]):
        with loading():
            student = open_run(folder / name).fits[0]
            student.dataset = dataset
            _ = student.model
        if chosen is None:
            layers = (hidden_layer(teacher.model, by_node), hidden_layer(student.model, by_node))
        else:
            layers = split_layers(chosen)
        theirs = _hear(teacher, layers[0], "teacher") if theirs is None else theirs
        output = _hear(student, layers[1], "student")
        made = (theirs.edge_index, output.edge_index)
        given = (run.model.inputs(_data(run)).get("edge_index") for run in (teacher, student))
        edges = [bones(dataset), *(b if a is None else a for a, b in zip(made, given, strict=True))]
        there = [entry for entry in edges if entry is not None]
        if not there:
            raise NoPicture("the networks read no edges: there is no local structure to be seen")
        edge_index = united_edges(there, output.features.size(0), output.nodes)
        weights = [_weights(entry.features, edge_index) for entry in (output, theirs)]
        pairs[name] = (weights[0], weights[1])
    return pairs


def _data(run: RunFolder) -> Any:
    graphs = run.dataset.graphs
    if run.dataset.is_single_graph:
        return copy(graphs[0])
    ids = run.split.test if run.split.test.numel() else run.split.train
    return graphs.batch(ids[:_BATCH])  # type: ignore[attr-defined]


def _hear(run: RunFolder, layer: str, whose: str) -> LayerOutput:
    path = find_layer(run.model, layer, whose)
    with listening(run.model, [path]) as captured:
        run.model(**run.model.inputs(_data(run)))
    if path not in captured or captured[path].features.dim() != 2:
        raise NoPicture(f"the layer '{layer}' of the {whose} gives no features of nodes")
    return captured[path]


def _weights(z: Tensor, edge_index: Tensor) -> np.ndarray:
    """Returns the local structure along the edges into nodes with several, relative to an even one."""
    plain = edge_index.as_tensor() if isinstance(edge_index, EdgeIndex) else edge_index
    degree = torch.bincount(plain[1], minlength=z.size(0))[plain[1]]
    if not bool((degree > 1).any()):
        raise NoPicture("no node has two or more edges into it: there is no local structure to be seen")
    structure = local_structure(torch.nn.functional.normalize(z.float()), edge_index) * degree
    return structure[degree > 1].numpy()
