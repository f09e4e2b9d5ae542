"""Where a network is listened to: layers by name, captured through forward hooks that are gone afterwards."""

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

#: Layers that see a graph: those of PyG, and those that make or hold their own.
_GRAPH_LAYERS = (MessagePassing, DynamicEdgeConv, STGCNConv, STInceptionConv)
#: The name of what the whole network returns.
OUTPUT = "output"


@dataclass(frozen=True)
class LayerPair:
    """A pair of layers and the loss between them.

    Args:
        loss: The loss. One with parameters serves one pair.
        teacher_layer: A sub-module of the teacher by name, such as ``"convs.0"``; ``"conv1"``, ``"conv2"``, ... for
            its graph layers in order (``"lin1"``, ... for the linear layers of a network without any), where no
            sub-module has that name; ``"output"`` for what it returns.
        student_layer: The same of the student; by default the name given for the teacher.
        weight: Factor of the loss; by default that of its class.
        active_epochs: Epochs, from the first, in which the loss counts; ``None`` for all of them.

    Raises:
        ValueError: If the weight is negative or not finite, or ``active_epochs`` is below 1.
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
        """The weight, or that of the loss's class."""
        return self.loss.default_weight if self.weight is None else self.weight

    def active(self, epoch: int | None) -> bool:
        """Whether the loss counts in an epoch, the first of which is 0."""
        if self.active_epochs is None:
            return True
        if epoch is None:
            raise InputError("a pair with `active_epochs` must know the epoch (got none); pass `epoch=`, from 0")
        return epoch < self.active_epochs


class LayerOutput(NamedTuple):
    """What a layer returned.

    Args:
        features: Its features ``[N, D]``, from the first tensor of what it returned. Features ``[S, V, D]`` of a graph
            of ``V`` nodes that comes ``S`` times, such as a skeleton in each frame, are one below the other.
        edge_index: The edges it returned beside them, if any: those of a layer that makes its own graph.
        nodes: Number of nodes ``V`` of the graph that comes several times; ``None`` for any other.
    """

    features: Tensor
    edge_index: Tensor | None
    nodes: int | None = None


def layer_aliases(network: torch.nn.Module) -> dict[str, str]:
    """Returns short names of layers, ``"conv1"`` and so on, and the names of their sub-modules; ``""`` is the whole."""
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
    """Returns the name of the sub-module that a layer's name stands for.

    Raises:
        ValueError: If there is no such layer; the closest name is offered.
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
    """Returns the short name of the last layer before the outputs.

    Args:
        network: The network.
        output_is_layer: Whether its last graph layer makes the outputs, as is usual for nodes.
    """
    layers = [name for name in layer_aliases(network) if name != OUTPUT]
    if not layers:
        raise InputError(f"{type(network).__name__} has no graph layer to compare; name one of its sub-modules")
    return layers[-2] if len(layers) > 1 and output_is_layer else layers[-1]


@contextmanager
def listening(network: torch.nn.Module, layers: Iterable[str]) -> Iterator[dict[str, LayerOutput]]:
    """Notes what sub-modules return while the context is open; takes the hooks off again at its end.

    Args:
        network: The network.
        layers: Names of sub-modules, ``""`` for the network itself. One that runs several times is captured the last
            time.
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
    """Returns the features in what a layer returned, and the edges if it returned some."""
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
