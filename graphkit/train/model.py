"""The model of a configuration: made, and started."""

from typing import Any

from torch import Tensor

from graphkit.data import GraphCollection, GraphDataset, SkeletonDataset, Split
from graphkit.errors import InputError
from graphkit.loader import NeighborLoader
from graphkit.nn import GraphModel, SkeletonModel
from graphkit.registry import get_model, model_names

#: Training graphs or nodes that data-dependent first weights are taken from, more or less.
START = 500


def make_model(config: dict[str, Any], dataset: GraphDataset) -> GraphModel:
    """Returns the model of a configuration, untrained, with the widths of the data set.

    Raises:
        ValueError: If the model reads graphs and the data set holds clips, or the other way round.
    """
    name = config["model"]["name"]
    options = {key: value for key, value in config["model"].items() if key != "name"}
    cls = get_model(name)
    reads = "skeleton clips" if issubclass(cls, SkeletonModel) else "graphs"
    holds = "skeleton clips" if isinstance(dataset, SkeletonDataset) else "graphs"
    if reads != holds:
        fits = [other for other in model_names() if issubclass(get_model(other), SkeletonModel) == (holds != "graphs")]
        what = f"the model '{name}' reads {reads}, and {dataset.name} holds {holds}"
        raise InputError(f"{what}; take {' or '.join(fits)}")
    return cls.from_data(dataset, **options)


def start_model(config: dict[str, Any], dataset: GraphDataset, split: Split) -> GraphModel:
    """Returns the model as training begins with it.

    First weights that depend on the data come from some of the training graphs, or from all nodes of a single graph,
    whose features training sees as well; of a graph that stays on disk, from some training nodes and their neighbours.
    No label is looked at.
    """
    model = make_model(config, dataset)
    graphs = dataset.graphs
    if isinstance(graphs, GraphCollection):
        model.start(graphs.batch(_spread(split.train)))
    elif dataset.mapped:  # not all that is on disk
        (part,) = NeighborLoader(graphs[0], [-1], _spread(split.train), batch_size=2 * START)
        model.start(part)
    else:
        model.start(graphs[0])
    return model


def _spread(ids: Tensor) -> Tensor:
    """Returns some ids, spread out over all, for sets are often sorted by class."""
    return ids[:: max(1, ids.numel() // START)]
