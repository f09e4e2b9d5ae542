"""Construction and initialization of the model of a configuration."""

from typing import Any

import torch
from torch import Tensor

from graphkit.data import GraphDataset, Split
from graphkit.data.data_settings import DataSettings
from graphkit.errors import InputError
from graphkit.nn import GraphModel
from graphkit.nn.degree import check_edge_weight
from graphkit.nn.link_decoders import SYMMETRIC
from graphkit.nn.model_settings import DECODER, ModelSettings
from graphkit.nn.models.graph_model import edge_features
from graphkit.registry import get_model, model_names
from graphkit.sampling import NeighborLoader
from graphkit.transforms import build

#: Approximate number of training graphs or nodes for data-dependent initial weights.
START = 500
#: Maximum size of the weights of a model, in bytes; training needs four times as much.
LARGEST = 8 * 2**30


def make_model(settings: ModelSettings, dataset: GraphDataset) -> GraphModel:
    """Returns the untrained model of some settings for a data set.

    Raises:
        InputError: If the model is for graphs and the data set has clips, or the reverse, or if its weights take more
            than :data:`LARGEST` bytes.
    """
    name, cls = settings.name, settings.model_class
    if cls.reads != dataset.holds:
        fits = [other for other in model_names() if get_model(other).reads == dataset.holds]
        what = f"the model '{name}' reads {cls.reads}, and {dataset.name} holds {dataset.holds}"
        raise InputError(f"{what}; take {' or '.join(fits)}")
    size = settings.size(dataset)
    if size > LARGEST:
        raise InputError(
            f"the weights of the model '{name}' must take at most {LARGEST / 2**30:,.0f} GiB "
            f"(got {size / 2**30:,.0f}); choose a smaller width or depth"
        )
    return settings.make(dataset)


def check_graphs(model: torch.nn.Module, dataset: GraphDataset) -> None:
    """Checks that a model supports the features and edges of a data set.

    Raises:
        InputError: If features are sparse and the model needs dense ones; if an edge weight is negative or not finite
            and the model normalizes by weighted degrees; or if the edges lack the attribute that the model needs.
    """
    network: Any = _network(model)
    x = dataset.graphs[0].get("x") if dataset.is_single_graph else None
    if x is not None and x.layout != torch.strided and not getattr(network, "takes_sparse_features", True):
        name = type(network).__name__
        raise InputError(f"features must be dense for {name} (got {x.layout}); leave out `sparse-features`")
    if getattr(network, "takes_edge_attr", False) and network.edge_attr is not None:
        edge_features(dataset.graphs[0], network.edge_attr, network.edge_dim)
    if not getattr(network, "normalizes_by_degree", False):
        return
    tensors = dataset.tensors()
    if "edge_weight" in tensors:
        check_edge_weight(tensors["edge_index"], tensors["edge_weight"])


def unused_weights(settings: ModelSettings, data: DataSettings, model: torch.nn.Module, dataset: GraphDataset) -> str:
    """Returns a note on weights or own attributes of edges that are not used."""
    network, name = _network(model), settings.name
    asked = "edge_attr" in settings.given()
    if not asked and dataset.num_edge_features and getattr(network, "edge_attr", None) != "edge_attr":
        able = " and ".join(model for model in model_names() if getattr(get_model(model), "takes_edge_attr", False))
        return f"note: {name} does not use `edge_attr` of {dataset.name}; {able} do"
    if "edge_weight" not in dataset.graphs[0]:
        return ""
    if not getattr(network, "uses_edges", True):
        return f"note: {name} uses neither the edges of {dataset.name} nor their weights; gcn uses both"
    if getattr(network, "uses_edge_weight", False):
        return ""
    if getattr(network, "uses_paths", False):  # paths in the data may depend on the weights
        steps = getattr(build(data.transforms), "transforms", ())
        if any(getattr(step, "weight", None) == "edge_weight" for step in steps):
            return ""
    return f"note: {name} uses the edges of {dataset.name}, not their weights; gcn uses both"


def direction_note(settings: ModelSettings, dataset: GraphDataset) -> str:
    """Returns a note on a symmetric decoder for the links of a directed graph."""
    decoder = settings.given().get("decoder", DECODER)
    if dataset.level != "link" or not getattr(dataset, "directed", False) or decoder not in SYMMETRIC:
        return ""
    return (
        f"note: the edges of {dataset.name} are directed, and the decoder {decoder} scores both directions of a pair "
        "alike; model.decoder=mlp does not"
    )


def _network(model: torch.nn.Module) -> torch.nn.Module:
    """Returns the model, or the network of a multi-head model."""
    return getattr(model, "network", model)


def init_model(settings: ModelSettings, dataset: GraphDataset, split: Split) -> GraphModel:
    """Returns the model with its initial weights.

    Data-dependent initial weights use some of the training graphs; or all nodes of a single graph, since training uses
    all features; or some training nodes and their neighbors of a graph on disk. Labels are not used.
    """
    model = make_model(settings, dataset)
    ids = _spread(split.train)
    if dataset.mapped:  # does not load the whole graph
        (batch,) = NeighborLoader(dataset.graphs[0], [-1], ids, batch_size=2 * START)
    else:
        batch = dataset.init_batch(ids)
    model.init_from_data(batch)
    return model


def _spread(ids: Tensor) -> Tensor:
    """Returns evenly spaced ids, since data sets are often sorted by class."""
    return ids[:: max(1, ids.numel() // START)]
