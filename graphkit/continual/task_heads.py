"""One network for all tasks, with an output layer for each of them."""

from collections.abc import Callable, Sequence
from typing import Any, cast

import torch
from torch_geometric.data import Data

from graphkit.errors import InputError
from graphkit.nn import GraphModel
from graphkit.nn.models.graph_model import model_inputs


class TaskHeads(GraphModel):
    """A network whose tasks share everything but the output layers.

    An output layer that all tasks share is a cause of forgetting by itself: in attention layers the columns of later
    classes change the outputs of the earlier ones, and a decay of the weights wears down the columns that no task
    trains any more.

    The output layers are found by making the network for two numbers of outputs: they are the modules whose
    parameters differ in shape. So any network will do, with no change to it.

    Args:
        make: ``make(n)`` returns the network with ``n`` outputs.
        sizes: The number of outputs of each task.

    Shapes:
        - **input:** what the network takes, and the number of the task.
        - **output:** the outputs of that task, ``[n, sizes[task]]``.

    Raises:
        ValueError: If a network of another number of outputs has no layer that differs, or differs as a whole.

    Example:
        >>> model = TaskHeads(lambda n: GCN(1433, n), stream.sizes)
        >>> model(x, edge_index, task=2)
    """

    def __init__(self, make: Callable[[int], torch.nn.Module], sizes: Sequence[int]) -> None:
        super().__init__()
        if not sizes:
            raise InputError("`sizes` must give the number of outputs of every task (got none)")
        self.sizes = tuple(int(size) for size in sizes)
        network, other = make(self.sizes[0]), make(self.sizes[0] + 1)
        self.places = _output_layers(network, other)
        networks = [network, *(make(size) for size in self.sizes[1:])]
        self.heads = torch.nn.ModuleList(
            torch.nn.ModuleList(model.get_submodule(path) for path in self.places) for model in networks
        )
        self.network = network
        self._put([None] * len(self.places))

    #: Whether ``forward`` takes a ``task`` and runs the output layer of that task.
    has_heads = True

    @property
    def has_penalty(self) -> bool:  # type: ignore[override]
        """Whether the network has a loss of its own."""
        return bool(getattr(self.network, "has_penalty", False))

    @property
    def uses_edge_weight(self) -> bool:  # type: ignore[override]
        """Whether the network uses the weights of the edges."""
        return bool(getattr(self.network, "uses_edge_weight", False))

    def init_from_data(self, data: Data) -> None:
        """Takes first weights from training data, if the network can."""
        init_from_data = getattr(self.network, "init_from_data", None)
        if init_from_data is not None:
            self._with(0, init_from_data, data)

    def inputs(self, data: Data) -> dict[str, Any]:
        """Returns the arguments of the network for a graph or a batch of graphs."""
        return model_inputs(self.network, data)

    def forward(self, *args: Any, task: int, **kwargs: Any) -> Any:
        """Returns the outputs of one task."""
        if not 0 <= task < len(self.sizes):
            raise InputError(f"`task` must be below {len(self.sizes)}, the number of tasks (got {task})")
        return self._with(task, self.network, *args, **kwargs)

    def _with(self, task: int, call: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Calls with the output layers of a task in their places, which are empty between calls."""
        self._put(list(cast(torch.nn.ModuleList, self.heads[task])))
        try:
            return call(*args, **kwargs)
        finally:
            self._put([None] * len(self.places))

    def _put(self, layers: Sequence[torch.nn.Module | None]) -> None:
        """Registers layers in the network; every parameter has one name, whichever task was last."""
        for path, layer in zip(self.places, layers, strict=True):
            parent, _, name = path.rpartition(".")
            self.network.get_submodule(parent).register_module(name, layer)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({type(self.network).__name__}, sizes={list(self.sizes)})"


def task_heads(model: torch.nn.Module) -> TaskHeads | None:
    """Returns a model as one with an output layer for each task; ``None`` if its tasks share the output layer."""
    return cast(TaskHeads, model) if getattr(model, "has_heads", False) else None


def _output_layers(network: torch.nn.Module, other: torch.nn.Module) -> list[str]:
    """Returns the names of the modules that hold the parameters whose shapes differ between two networks."""
    shapes = {name: parameter.shape for name, parameter in other.named_parameters()}
    changed = [name for name, parameter in network.named_parameters() if shapes.get(name) != parameter.shape]
    owners = sorted({name.rpartition(".")[0] for name in changed})
    if not owners or "" in owners:
        raise InputError(
            f"the number of outputs must change the shape of some layers of the network and of nothing else (got "
            f"{', '.join(changed) or 'no change'} in {type(network).__name__})"
        )
    return [name for name in owners if not any(name.startswith(f"{outer}.") for outer in owners)]
