"""Models of the user: any ``torch.nn.Module``, called with arguments by name."""

import inspect
from collections.abc import Callable
from copy import copy, deepcopy
from typing import Any

import torch
from torch import Tensor
from torch.nn.parameter import is_lazy
from torch_geometric import EdgeIndex
from torch_geometric.data import Data

from graphkit.errors import InputError, InputTypeError
from graphkit.nn.models.graph_model import GraphModel, read_out
from graphkit.nn.same_graph import SameGraph

#: Attributes of a graph that are targets or parts of a split, and are not passed to a model.
HIDDEN = ("y", "train_mask", "val_mask", "test_mask", "factor_mask")
#: Names of arguments with a fixed meaning.
USUAL = ("x", "edge_index", "edge_weight", "edge_attr", "pos", "batch", "batch_size", "num_nodes", "data")


class CustomModel(GraphModel):
    """Model around a module of the user.

    ``forward`` of the module gets the arguments that it names: ``x``, ``edge_index``, ``edge_weight``, ``edge_attr``,
    ``pos`` and other attributes of the graph, except for targets and masks; ``batch``, and ``batch_size`` or
    ``num_graphs``; ``num_nodes``; or the graph itself as ``data``. A module with a single argument gets ``x``. An
    argument with a default value is left out if the graph does not have it.

    Args:
        module (torch.nn.Module): The module.
        readout (str, optional): ``"mean"``, ``"sum"`` or ``"max"`` over the nodes of a graph, for a module with one
            output per node; ``None`` for its outputs unchanged. (default: ``None``)

    Raises:
        InputError: If ``forward`` does not name its arguments.
    """

    def __init__(self, module: torch.nn.Module, readout: str | None = None) -> None:
        super().__init__()
        self.module, self.readout = module, readout
        self._arguments = _arguments(module)
        names = self._arguments.keys()
        self.uses_edges = bool({"edge_index", "data"} & names)
        self.uses_edge_weight = "data" in names or (
            "edge_weight" in names and bool(getattr(module, "supports_edge_weight", True))
        )
        self._latest: tuple[SameGraph, Tensor | None] | None = None

    def inputs(self, data: Data) -> dict[str, Any]:
        """Returns the arguments of the module and the graph of each node.

        Raises:
            InputError: If the graph does not have an argument of the module.
        """
        self._forget_other_graphs(data)
        arguments: dict[str, Any] = {}
        for name, needed in self._arguments.items():
            value = _value(name, data, needed)
            if value is not None:
                arguments[name] = value
            elif needed and len(self._arguments) == 1 and name not in USUAL:
                arguments[name] = data.x
            elif needed:
                what = f"forward of {type(self.module).__name__} takes `{name}`, which the graphs do not have"
                raise InputError(f"{what}; expected some of {', '.join(USUAL)}; rename it, or give it a default value")
        batch = data.get("batch")
        return {"arguments": arguments, "batch": batch, "batch_size": None if batch is None else int(data.num_graphs)}

    def forward(self, arguments: dict[str, Any], batch: Tensor | None = None, batch_size: int | None = None) -> Tensor:
        """Returns the outputs of the module, after the readout if there is one.

        Args:
            arguments (dict): Arguments of the module.
            batch (Tensor, optional): Graph of each node, for the readout. (default: ``None``)
            batch_size (int, optional): Number of graphs. (default: ``None``)
        """
        output: Tensor = self.module(**arguments)
        return output if self.readout is None else read_out(output, batch, batch_size, self.readout)

    def _forget_other_graphs(self, data: Data) -> None:
        """Clears what PyG's layers with ``cached=True`` computed from another graph."""
        layers = [layer for layer in self.module.modules() if getattr(layer, "cached", False) is True]
        if not layers or "edge_index" not in data:
            return
        graph = data.edge_index, data.get("edge_weight"), int(data.num_nodes or 0)
        x = data.get("x")
        if self._latest is not None and self._latest[0](*graph) and _equal(self._latest[1], x):
            return
        for layer in layers:
            for name in [name for name in vars(layer) if name.startswith("_cached")]:
                setattr(layer, name, None)
        self._latest = SameGraph(*graph), None if x is None else x.detach().clone()


def make_custom(source: torch.nn.Module | Callable[..., Any], dataset: Any, readout: str | None = None) -> GraphModel:
    """Returns the model of an object of the user for a data set.

    Args:
        source (torch.nn.Module or Callable): Module, which is copied, or function ``(in_channels, out_channels) ->
            Module``.
        dataset (GraphDataset): The data set.
        readout (str, optional): Readout, see :class:`CustomModel`. (default: ``None``)

    Returns:
        A :class:`CustomModel`, or the copy itself if it is a :class:`GraphModel`.

    Raises:
        InputError: If the module cannot be copied or called, or the data set is on disk.
    """
    if dataset.mapped:
        raise InputError(
            f"a model of your own needs the features in memory, and those of {dataset.name} stay on disk; use a "
            "registered model, such as gcn"
        )
    if readout is not None and dataset.level == "node":
        raise InputError(f"`model.readout` is for graphs, but {dataset.name} is about nodes (got {readout!r})")
    module = source if isinstance(source, torch.nn.Module) else _call(source, dataset)
    try:
        module = deepcopy(module).cpu()
    except Exception as error:  # a copy runs code of the user
        raise InputError(
            f"`model` must be a module that can be copied (got {type(module).__name__}: {_line(error)}); give a "
            "function (in_channels, out_channels) -> Module"
        ) from error
    if isinstance(module, GraphModel):
        if readout is not None:
            raise InputError(f"`model.readout` is an argument of {type(module).__name__} itself; leave it out")
        return module
    model = CustomModel(module, readout)
    if any(is_lazy(parameter) for parameter in module.parameters()):
        with torch.no_grad():
            call_once(model.eval(), dataset)
        model.train()
    return model


def check_custom(model: GraphModel, dataset: Any, batch_size: int | None = None) -> None:
    """Checks that a model of the user can be trained on a data set, with one batch.

    Args:
        model (GraphModel): The model.
        dataset (GraphDataset): The data set.
        batch_size (int, optional): Items in a batch. (default: ``None``)

    Raises:
        InputError: If the model cannot be called, the shape of its outputs is wrong, or it has no weights to train.
    """
    name = type(getattr(model, "module", model)).__name__
    if batch_size is not None and dataset.is_single_graph and model.receptive_field(dataset.graphs[0]) is None:
        raise InputError(
            f"batches of nodes need the number of layers, which is unknown for {name} (got `train.batch_size` "
            f"{batch_size}); leave it out, to train on the entire graph"
        )
    for key, value in model.state_dict().items():
        if not isinstance(value, Tensor) or value.layout != torch.strided:
            kind = value.layout if isinstance(value, Tensor) else type(value).__name__
            raise InputError(f"the state of {name} must be dense tensors (got {kind} in '{key}'); remove it")
    data = _batch(dataset)
    with torch.random.fork_rng(devices=[]):
        output = call_once(model.eval(), dataset)
    rows = int(data.num_nodes or 0) if dataset.level == "node" else int(data.num_graphs)
    form = f"[{rows}, {dataset.num_outputs}], one row per {dataset.level} and one column per output"
    if not isinstance(output, Tensor):
        raise InputTypeError(f"outputs of {name} must be one tensor {form} (got {type(output).__name__}); return it")
    if output.shape != (rows, dataset.num_outputs):
        remedy = f"give it {dataset.num_outputs} output channels"
        if dataset.level == "graph" and output.dim() == 2 and output.size(0) == data.num_nodes:
            remedy = "pool the nodes with `batch`, or set={'model.readout': 'mean'}"
        raise InputError(f"outputs of {name} must have the shape {form} (got {list(output.shape)}); {remedy}")
    if not output.requires_grad or not output.is_floating_point():
        raise InputError(f"outputs of {name} must have gradients of weights (got none); return logits or values")


def call_once(model: GraphModel, dataset: Any) -> Any:
    """Returns the outputs of a model for a small batch of a data set.

    Raises:
        InputError: If the model raises an error; its first line is in the message.
    """
    data = _batch(dataset)
    inputs = model.inputs(data)
    try:
        return model(**inputs)
    except Exception as error:  # code of the user
        name = type(getattr(model, "module", model)).__name__
        x = data.get("x")
        what = f"x of shape {list(x.shape)}" if isinstance(x, Tensor) else "graphs without features"
        raise InputError(
            f"`model` must accept the graphs of {dataset.name}, {what} (got from {name}: {_line(error)}); correct its "
            "widths or its forward"
        ) from error


def source_name(source: Any) -> str:
    """Returns the module and name of the class or function of an object.

    Raises:
        InputTypeError: If it is neither a module nor a function.
    """
    if not isinstance(source, torch.nn.Module) and not callable(source):
        raise InputTypeError(
            "`model` must be the name of a model, a torch.nn.Module or a function (in_channels, out_channels) -> "
            f"Module (got {type(source).__name__})"
        )
    named = type(source) if isinstance(source, torch.nn.Module) else getattr(source, "func", source)
    named = named if hasattr(named, "__qualname__") else type(named)
    return f"{named.__module__}.{named.__qualname__}"


def _arguments(module: torch.nn.Module) -> dict[str, bool]:
    """Returns the names of the arguments of ``forward``, and whether each is needed."""
    declared = getattr(getattr(module, "signature", None), "param_dict", None)  # of PyG's Sequential
    if isinstance(declared, dict):
        return dict.fromkeys(declared, True)
    kinds = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    parameters = [p for p in inspect.signature(module.forward).parameters.values() if p.kind in kinds]
    if not parameters:
        name = type(module).__name__
        raise InputError(f"forward of {name} must name its arguments, such as x and edge_index (got none); name them")
    return {parameter.name: parameter.default is parameter.empty for parameter in parameters}


def _value(name: str, data: Data, needed: bool) -> Any:
    """Returns an argument of a module from a graph or batch, or ``None``."""
    batch = data.get("batch")
    if name == "data":
        return _visible(data)
    if name in ("batch_size", "num_graphs"):
        return int(data.num_graphs) if batch is not None else 1 if needed else None
    if name == "batch" and batch is None and needed:
        return torch.zeros(int(data.num_nodes or 0), dtype=torch.long, device=data.edge_index.device)
    if name == "num_nodes":
        return data.num_nodes
    value = None if name in HIDDEN else data.get(name)
    return value.as_tensor() if isinstance(value, EdgeIndex) else value


def _visible(data: Data) -> Data:
    """Returns a shallow copy of a graph without targets and masks."""
    data = copy(data)
    for name in HIDDEN:
        if name in data:
            del data[name]
    if isinstance(data.edge_index, EdgeIndex):
        data.edge_index = data.edge_index.as_tensor()
    return data


def _batch(dataset: Any) -> Data:
    """Returns the graph, or a batch of the first two training graphs."""
    return dataset.init_batch(dataset.splits[0].train[:2])


def _call(source: Callable[..., Any], dataset: Any) -> torch.nn.Module:
    """Returns the module that a function of the user makes.

    Raises:
        InputError: If the function takes other arguments, fails or returns something else.
    """
    name, widths = source_name(source).rpartition(".")[2], (dataset.num_features, dataset.num_outputs)
    called = f"`model` must be a function (in_channels, out_channels) -> torch.nn.Module, called with {widths}"
    try:
        module = source(*widths)
    except Exception as error:  # code of the user
        raise InputError(f"{called} (got from {name}: {_line(error)}); correct it, or give a module") from error
    if not isinstance(module, torch.nn.Module):
        raise InputTypeError(f"{called} (got {type(module).__name__} from {name}); return a module")
    return module


def _line(error: Exception) -> str:
    """Returns the class and the first line of an error."""
    return f"{type(error).__name__}: {(str(error).strip() or 'without a message').splitlines()[0]:.200}"


def _equal(one: Tensor | None, other: Tensor | None) -> bool:
    """Returns whether two tensors, or their absence, are equal."""
    if one is None or other is None:
        return one is other
    return one.shape == other.shape and one.device == other.device and torch.equal(one, other)
