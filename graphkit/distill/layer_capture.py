"""Capture of layer outputs by name, with forward hooks."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch_geometric.nn import MessagePassing

from graphkit.distill.loss import DistillationLoss
from graphkit.errors import InputError
from graphkit.nn import DynamicEdgeConv, STGCNConv, STInceptionConv
from graphkit.registry import unknown_name

#: Graph layers: those of PyG, and those that build or store their own graph.
_GRAPH_LAYERS = (MessagePassing, DynamicEdgeConv, STGCNConv, STInceptionConv)
#: Name of the output of the whole network.
OUTPUT = "output"


@dataclass(frozen=True)
class LayerPair:
    """Pair of a teacher layer and a student layer with the loss between them.

    Args:
        loss (DistillationLoss): The loss. A loss with parameters must not be used in two pairs.
        teacher_layer (str): Name of a sub-module of the teacher, such as ``"convs.0"``; ``"conv1"``, ``"conv2"``, ...
            for its graph layers in order (``"lin1"``, ... for the linear layers of a network without graph layers), if
            no sub-module has that name; or ``"output"`` for the output of the network.
        student_layer (str, optional): The same for the student; ``teacher_layer`` if ``None``. (default: ``None``)
        weight (float, optional): Factor of the loss; ``loss.default_weight`` if ``None``. (default: ``None``)
        active_epochs (int, optional): Number of epochs, from the first, in which the loss is added; all if ``None``.
            (default: ``None``)

    Raises:
        InputError: If the weight is negative or not finite, or ``active_epochs`` is below 1.
    """

    loss: DistillationLoss
    teacher_layer: str
    student_layer: str | None = None
    weight: float | None = None
    active_epochs: int | None = None

    def __post_init__(self) -> None:
        if self.weight is not None and not 0 <= self.weight < float("inf"):
            raise InputError(f"`weight` must be finite and not negative (got {self.weight})")
        if self.active_epochs is not None and self.active_epochs < 1:
            raise InputError(f"`active_epochs` must be at least 1, or none for all epochs (got {self.active_epochs})")

    @property
    def factor(self) -> float:
        """Weight of the pair, or the default weight of the loss."""
        return self.loss.default_weight if self.weight is None else self.weight

    def active(self, epoch: int | None) -> bool:
        """Returns whether the loss is added in an epoch, counted from 0."""
        if self.active_epochs is None:
            return True
        if epoch is None:
            raise InputError("a pair with `active_epochs` needs the epoch (got none); pass `epoch=`, from 0")
        return epoch < self.active_epochs


class LayerOutput(NamedTuple):
    """Output of a layer.

    Args:
        features: Features ``[N, D]``, the first tensor in the output. Features ``[S, V, D]`` of ``S`` copies of a graph
            of ``V`` nodes, such as a skeleton in each frame, are flattened to ``[S V, D]``.
        edge_index: Edges in the output, if any, of a layer that builds its own graph.
        nodes: Number of nodes ``V`` of one copy for features of several copies; ``None`` otherwise.
    """

    features: Tensor
    edge_index: Tensor | None
    nodes: int | None = None


def layer_aliases(network: torch.nn.Module) -> dict[str, str]:
    """Returns short names of layers, such as ``"conv1"``, with those of their modules.

    The module of ``"output"`` is the network itself, ``""``.
    """
    convs: list[str] = []
    for name, module in network.named_modules():
        inside = any(name.startswith(f"{outer}.") for outer in convs)
        if name and not inside and isinstance(module, _GRAPH_LAYERS):
            convs.append(name)
    if convs:
        aliases = {f"conv{index + 1}": name for index, name in enumerate(convs)}
    else:
        linear = [name for name, module in network.named_modules() if name and _is_linear(module)]
        aliases = {f"lin{index + 1}": name for index, name in enumerate(linear)}
    return {OUTPUT: "", **aliases}


def find_layer(network: torch.nn.Module, name: str, whose: str) -> str:
    """Returns the name of the sub-module for the name of a layer.

    Raises:
        InputError: If there is no such layer; the message names the closest one.
    """
    modules = {path for path, _ in network.named_modules() if path}
    if name in modules:
        return name
    aliases = layer_aliases(network)
    if name not in aliases:
        error = unknown_name(f"layer of the {whose}", name, {*aliases, *modules})
        if "did you mean" not in str(error):
            error = unknown_name(f"layer of the {whose}", name, aliases)
        raise error
    return aliases[name]


def last_hidden_layer(network: torch.nn.Module, output_is_layer: bool = True) -> str:
    """Returns the short name of the last hidden layer.

    Args:
        network: The network.
        output_is_layer: If ``True``, the last graph layer computes the outputs, as is usual for nodes.
    """
    layers = [name for name in layer_aliases(network) if name != OUTPUT]
    if not layers:
        raise InputError(f"{type(network).__name__} has no graph layer to compare; name one of its sub-modules")
    return layers[-2] if len(layers) > 1 and output_is_layer else layers[-1]


@contextmanager
def listening(network: torch.nn.Module, layers: Iterable[str]) -> Iterator[dict[str, LayerOutput]]:
    """Captures the outputs of sub-modules in a context, with forward hooks.

    Args:
        network: The network.
        layers: Names of sub-modules, ``""`` for the network itself. For a module that is called several times, the
            last output is kept.
    """
    captured: dict[str, LayerOutput] = {}

    def hook(name: str) -> Any:
        return lambda _module, _inputs, output: captured.update({name: _heard(name, output)})

    handles = [network.get_submodule(name).register_forward_hook(hook(name)) for name in dict.fromkeys(layers)]
    try:
        yield captured
    finally:
        for handle in handles:
            handle.remove()


def _heard(name: str, output: Any) -> LayerOutput:
    """Returns the features, and the edges if there are any, in the output of a layer."""
    parts = output if isinstance(output, tuple | list) else (output,)
    tensors = [value for value in parts if isinstance(value, Tensor)]
    if not tensors or not tensors[0].is_floating_point():
        raise InputError(f"the layer '{name}' must return features, or a tuple that begins with them (got {output!r})")
    edges = [t for t in tensors[1:] if t.dim() == 2 and t.size(0) == 2 and not t.is_floating_point()]
    features = tensors[0]
    if features.dim() == 3:
        return LayerOutput(features.flatten(0, 1), edges[0] if edges else None, features.size(1))
    return LayerOutput(features, edges[0] if edges else None)


def _is_linear(module: torch.nn.Module) -> bool:
    from torch_geometric.nn import Linear

    return isinstance(module, torch.nn.Linear | Linear)
