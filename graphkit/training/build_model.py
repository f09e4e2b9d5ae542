"""The model of a configuration: made, and started."""

import torch
from torch import Tensor

from graphkit.data import GraphDataset, Split
from graphkit.data.data_settings import DataSettings
from graphkit.errors import InputError
from graphkit.nn import GraphModel
from graphkit.nn.degree import check_edge_weight
from graphkit.nn.model_settings import ModelSettings
from graphkit.registry import get_model, model_names
from graphkit.sampling import NeighborLoader
from graphkit.transforms import build

#: Training graphs or nodes that data-dependent first weights are taken from, more or less.
START = 500
#: Largest size of the weights of a model, in bytes; training takes four times as much.
LARGEST = 8 * 2**30


def make_model(settings: ModelSettings, dataset: GraphDataset) -> GraphModel:
    """Returns the model that settings describe, untrained, with the widths of the data set.

    Raises:
        ValueError: If the model reads graphs and the data set holds clips, or the other way round, or if its weights
            take more than :data:`LARGEST` bytes.
    """
    name, cls = settings.name, settings.model_class
    if cls.reads != dataset.holds:
        fits = [other for other in model_names() if get_model(other).reads == dataset.holds]
        what = f"the model '{name}' reads {cls.reads}, and {dataset.name} holds {dataset.holds}"
        raise InputError(f"{what}; take {' or '.join(fits)}")
    with torch.random.fork_rng(devices=[]), torch.device("meta"):  # nothing is allocated
        size = sum(p.numel() * p.element_size() for p in settings.make(dataset).parameters())
    if size > LARGEST:
        raise InputError(
            f"the weights of the model '{name}' must take at most {LARGEST / 2**30:,.0f} GiB "
            f"(got {size / 2**30:,.0f}); choose a smaller width or depth"
        )
    return settings.make(dataset)


def check_graphs(model: torch.nn.Module, dataset: GraphDataset) -> None:
    """Refuses features and edges that a model cannot compute with, before anything is trained or written.

    Raises:
        ValueError: If features are sparse, and the model takes dense ones only. If a weight is negative or not finite,
            and the model divides by weighted degrees; the edge is named. If the edges do not
            have the attribute that the model needs.
    """
    network = _network(model)
    x = dataset.graphs[0].get("x") if dataset.is_single_graph else None
    if x is not None and x.layout != torch.strided and not getattr(network, "takes_sparse_features", True):
        name = type(network).__name__
        raise InputError(f"features must be dense for {name} (got {x.layout}); leave out `sparse-features`")
    if getattr(network, "edge_attr", None) is not None:
        network.inputs(dataset.graphs[0])  # type: ignore[operator]
    if not getattr(network, "normalizes_by_degree", False):
        return
    tensors = dataset.tensors()
    if "edge_weight" in tensors:
        check_edge_weight(tensors["edge_index"], tensors["edge_weight"])


def unused_weights(settings: ModelSettings, data: DataSettings, model: torch.nn.Module, dataset: GraphDataset) -> str:
    """Returns a note on weights of edges that a model does not use; nothing where it uses them or there are none."""
    if "edge_weight" not in dataset.graphs[0]:
        return ""
    network, name = _network(model), settings.name
    if not getattr(network, "uses_edges", True):
        return f"note: {name} uses neither the edges of {dataset.name} nor their weights; gcn uses both"
    if getattr(network, "uses_edge_weight", False):
        return ""
    if getattr(network, "uses_paths", False):  # those that the data carry may have been found by the weights
        steps = getattr(build(data.transforms), "transforms", ())
        if any(getattr(step, "weight", None) == "edge_weight" for step in steps):
            return ""
    return f"note: {name} uses the edges of {dataset.name}, not their weights; gcn uses both"


def _network(model: torch.nn.Module) -> torch.nn.Module:
    """Returns the model itself, or that within the heads of a stream of tasks."""
    return getattr(model, "network", model)


def init_model(settings: ModelSettings, dataset: GraphDataset, split: Split) -> GraphModel:
    """Returns the model as training begins with it.

    First weights that depend on the data come from some of the training graphs, or from all nodes of a single graph,
    whose features training sees as well; of a graph that stays on disk, from some training nodes and their neighbors.
    No label is looked at.
    """
    model = make_model(settings, dataset)
    ids = _spread(split.train)
    if dataset.mapped:  # not all that is on disk
        (batch,) = NeighborLoader(dataset.graphs[0], [-1], ids, batch_size=2 * START)
    else:
        batch = dataset.init_batch(ids)
    model.init_from_data(batch)
    return model


def _spread(ids: Tensor) -> Tensor:
    """Returns some ids, spread out over all, for sets are often sorted by class."""
    return ids[:: max(1, ids.numel() // START)]
