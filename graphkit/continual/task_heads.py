"""Multi-head network: shared layers and an output layer per task."""

from collections.abc import Callable, Sequence
from typing import Any, cast

import torch
from torch_geometric.data import Data

from graphkit.errors import InputError
from graphkit.nn import GraphModel
from graphkit.nn.models.graph_model import model_inputs


class TaskHeads(GraphModel):
    """Network with an output layer per task and shared other layers.

    A single output layer for all tasks causes forgetting: in attention layers, later classes change the outputs of
    earlier ones, and weight decay shrinks the weights of old classes.

    The output layers are the modules whose parameters differ in shape between networks of two numbers of outputs; the
    network itself needs no change.

    Args:
        make (callable): ``make(n)`` returns the network with ``n`` outputs.
        sizes (list of int): Number of outputs of each task.

    Shapes:
        - **input:** arguments of the network, and ``task``, the index of the task.
        - **output:** ``[n, sizes[task]]``.

    Raises:
        InputError: If no layer depends on the number of outputs, or the network as a whole does.

    Example:
        >>> from graphkit.nn import GCN
        >>> model = TaskHeads(lambda n: GCN(8, n), [2, 3])
        >>> model(torch.randn(4, 8), torch.tensor([[0, 1], [1, 2]]), task=1).shape
        torch.Size([4, 3])
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
        """``True`` if the network has a penalty."""
        return bool(getattr(self.network, "has_penalty", False))

    @property
    def uses_edge_weight(self) -> bool:  # type: ignore[override]
        """``True`` if the network uses edge weights."""
        return bool(getattr(self.network, "uses_edge_weight", False))

    def init_from_data(self, data: Data) -> None:
        """Initializes weights from training data, if the network supports it."""
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
        """Calls a function while the output layers of a task are registered."""
        self._put(list(cast(torch.nn.ModuleList, self.heads[task])))
        try:
            return call(*args, **kwargs)
        finally:
            self._put([None] * len(self.places))

    def _put(self, layers: Sequence[torch.nn.Module | None]) -> None:
        """Registers output layers in the network, or removes them."""
        for path, layer in zip(self.places, layers, strict=True):
            parent, _, name = path.rpartition(".")
            self.network.get_submodule(parent).register_module(name, layer)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({type(self.network).__name__}, sizes={list(self.sizes)})"


def task_heads(model: torch.nn.Module) -> TaskHeads | None:
    """Returns the model if it has an output layer per task, else ``None``."""
    return cast(TaskHeads, model) if getattr(model, "has_heads", False) else None


def _output_layers(network: torch.nn.Module, other: torch.nn.Module) -> list[str]:
    """Returns the names of modules whose parameters differ in shape between networks."""
    shapes = {name: parameter.shape for name, parameter in other.named_parameters()}
    changed = [name for name, parameter in network.named_parameters() if shapes.get(name) != parameter.shape]
    owners = sorted({name.rpartition(".")[0] for name in changed})
    if not owners or "" in owners:
        raise InputError(
            f"the number of outputs must change the shape of some layers of the network and of nothing else (got "
            f"{', '.join(changed) or 'no change'} in {type(network).__name__})"
        )
    return [name for name in owners if not any(name.startswith(f"{outer}.") for outer in owners)]
