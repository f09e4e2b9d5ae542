"""A student's teacher while it trains: found in a run folder, heard through a distiller, gone afterwards."""

from contextlib import AbstractContextManager
from copy import copy
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch_geometric.data import Data

from graphkit import data
from graphkit.data import ClipCollection, GraphCollection, GraphDataset, Split
from graphkit.distill import Distiller, Tap, union_edges
from graphkit.distill.taps import OUTPUT, Heard, last_hidden_layer
from graphkit.errors import InputError
from graphkit.nn import FactorGCN, GraphModel
from graphkit.registry import get_loss
from graphkit.train.taught_graphs import TaughtGraphs
from graphkit.train.teaching_config import split_layers

if TYPE_CHECKING:
    from graphkit.train.opened_run import Run

#: What teacher and student may differ in; the fold is looked at apart.
_FREE = ("root", "transforms", "stream", "fold")


class Teaching:
    """The losses of a ``distill`` part of a configuration.

    Nothing here draws from the random numbers of the training: a student begins, and drops out, as it would alone.

    Args:
        config: A resolved configuration with that part.
        dataset: The student's data set.
        split: The split it trains on.
        student: The student.
        device: Where it is.
        teacher: The fit that teaches, where it is known.

    Raises:
        FileNotFoundError: If the teacher's folder is not a run.
        ValueError: If the teacher has not ended, was trained on other data, or a layer does not exist.
    """

    def __init__(
        self,
        config: dict[str, Any],
        dataset: GraphDataset,
        split: Split,
        student: GraphModel,
        device: torch.device,
        teacher: "Run | None" = None,
    ) -> None:
        from graphkit.train.opened_run import open_run  # which needs this module

        #: The epoch that trains, the first of which is 0.
        self.epoch = 0
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(config["seed"])
            fit = teacher or find_teacher(open_run(config["distill"]["teacher"]), config, dataset)
            self.teacher = fit.model.to(device)
            taps = [make_tap(entry, self.teacher, student, dataset) for entry in config["distill"]["losses"]]
            self.distiller = Distiller(self.teacher, student, taps)
            self._inputs: dict[str, Any] | None = None
            self._structure: Tensor | None = None
            if dataset.is_single_graph:
                graph = copy(dataset.graphs[0]).to(device)
                self._inputs = self.teacher.inputs(copy(fit.dataset.graphs[0]).to(device))
                inputs = student.inputs(graph)
                edges = [each["edge_index"] for each in (self._inputs, inputs) if "edge_index" in each]
                if edges and self._inputs["x"].size(0) == graph.num_nodes:
                    self._structure = union_edges(*edges, num_nodes=int(graph.num_nodes or 0))
            else:
                batch = copy(dataset.graphs.batch(split.train[:16])).to(device)  # type: ignore[attr-defined]
                inputs = student.inputs(batch)
                joints = bones(dataset)
                self._structure = None if joints is None else joints.to(device)
            theirs = self._teacher_inputs(None if self._inputs else batch)
            self._taught: TaughtGraphs | None = None
            if isinstance(dataset.graphs, GraphCollection):
                self._taught = TaughtGraphs(self.distiller, self.teacher, dataset.graphs, device)
            self.distiller.start(**inputs, teacher_inputs=theirs, structure=self._structure)
            self.distiller.to(device)

    def listen(self) -> AbstractContextManager[dict[str, Heard]]:
        """Returns the context in which the student is called."""
        return self.distiller.listen()

    def losses(self, heard: dict[str, Heard], inputs: dict[str, Any], batch: Data) -> list[tuple[Tensor, int]]:
        """Returns the weighted losses of one batch, and how many nodes or graphs each has compared."""
        theirs = self._teacher_inputs(batch)
        taught = self._taught(batch) if self._taught is not None else None
        return self.distiller.parts(heard, (), inputs, theirs, self._structure, self.epoch, taught)

    def _teacher_inputs(self, batch: Data | None) -> dict[str, Any]:
        """Returns what the teacher sees; for a single graph always the same tensors, so that it is asked once."""
        if self._inputs is not None:
            return self._inputs
        return self.teacher.inputs(batch)  # type: ignore[arg-type]


def bones(dataset: GraphDataset) -> Tensor | None:
    """Returns the bones of the skeleton of a data set as edges ``[2, E]`` in both directions, if it has one."""
    if not isinstance(dataset.graphs, ClipCollection):
        return None
    pairs = torch.tensor(dataset.graphs.layout.edges, dtype=torch.long).view(-1, 2).t()
    return torch.cat([pairs, pairs.flip(0)], dim=1)


def make_tap(entry: dict[str, Any], teacher: GraphModel, student: GraphModel, dataset: GraphDataset) -> Tap:
    """Returns the tap of one entry of ``distill.losses``.

    Without ``layers`` it is at the outputs for a loss between these, else at the last layer before them.
    """
    options = {key: entry[key] for key in entry if key not in ("name", "layers", "weight", "active_epochs")}
    cls = get_loss(entry["name"])
    if cls.on_outputs:
        if dataset.task == "graph-regression":
            raise InputError(f"the loss '{entry['name']}' compares labels, and {dataset.name} has none; take another")
        if "multi" in dataset.task:
            options = {"multi_label": True, **options}
    if entry.get("layers") is not None:
        layers = split_layers(entry["layers"])
    elif cls.on_outputs:
        layers = (OUTPUT, OUTPUT)
    else:
        by_node = dataset.level == "node"
        layers = (hidden_layer(teacher, by_node), hidden_layer(student, by_node))
    return Tap(cls(**options), *layers, entry.get("weight"), entry.get("active_epochs"))


def hidden_layer(network: GraphModel, by_node: bool) -> str:
    """Returns the last layer before the outputs, of a model for nodes or for graphs."""
    name = last_hidden_layer(network, by_node)
    if isinstance(network, FactorGCN):  # it takes its layers apart, and the norm (or nothing) after each is what runs
        name = f"norms.{int(name.removeprefix('conv')) - 1}"
    return name


def find_teacher(run: "Run", config: dict[str, Any], dataset: GraphDataset) -> "Run":
    """Returns the fit of a run that teaches: that of the same seed and split, else the best one on the same split.

    Raises:
        ValueError: If the run has not ended, or was trained on other data or splits.
    """
    if not run.result:
        remedy = f"continue it with: graphkit train --resume {run.path}"
        raise InputError(f"the teacher '{run.path}' has not ended; {remedy}")
    own, theirs = ({**each["data"], **dict.fromkeys(_FREE)} for each in (config, run.config))
    for key in ("name", *own, *theirs):
        if own.get(key) != theirs.get(key):
            what = "another data set" if key == "name" else f"other data (`data.{key}`)"
            raise InputError(
                f"the teacher '{run.path}' was trained on {what}: {theirs.get(key)} (the student's is {own.get(key)}); "
                "take a teacher of the same data and split, or else it may know the test items"
            )
    drawn = "seed" in data.options(config["data"]["name"]) and config["data"].get("seed") is None
    fold = _fold(config, dataset)
    fits = [fit for fit in run.fits if _fold(fit.config, dataset) == fold]
    fits = [fit for fit in fits if not drawn or fit.config["seed"] == config["seed"]]
    if not fits:
        what = f"data drawn with the seed {config['seed']}" if drawn else f"the split {fold}"
        raise InputError(f"the teacher '{run.path}' has no fit on {what}; train it with as many runs as the student")
    same = [fit for fit in fits if fit.config["seed"] == config["seed"]]
    found = same[0] if same else max(fits, key=_validation)
    if _shaped(found.config) == _shaped(config):
        found.dataset = dataset
    elif not dataset.is_single_graph:
        raise InputError(
            f"the teacher '{run.path}' reads other graphs: its `data.transforms` are "
            f"{found.config['data']['transforms']} (the student's are {config['data']['transforms']}); set them alike"
        )
    elif isinstance(dataset.graphs, ClipCollection):
        raise InputError(f"the teacher '{run.path}' sees another stream of the clips; set `data.stream` alike")
    return found


def _validation(fit: "Run") -> float:
    """Returns the validation score, such that the larger is the better one."""
    mean = (fit.result.get("validation") or {}).get("mean", 0.0)
    return -mean if fit.result.get("metric") == "mae" else mean


def _fold(config: dict[str, Any], dataset: GraphDataset) -> int:
    return (config["data"]["fold"] or 0) % len(dataset.splits)


def _shaped(config: dict[str, Any]) -> dict[str, Any]:
    """Returns all that the graphs themselves depend on."""
    return {key: value for key, value in config["data"].items() if key not in ("root", "fold")}
