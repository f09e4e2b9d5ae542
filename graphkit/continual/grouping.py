"""Assignment of classes, labels, assays or windows of time to tasks."""

import torch
from torch import Tensor
from torch_geometric.data import Data

from graphkit.data.edges import plain_edge_index
from graphkit.errors import InputError

ORDERS = ("given", "shuffled", "balanced")


def groups_of(
    counts: Tensor, per_task: int, tasks: int | None, order: str, seed: int, min_items: int, what: str
) -> Tensor:
    """Assigns classes (or labels, or assays) to tasks, the same number to each.

    Args:
        counts: Number of items ``[C]`` of each class.
        per_task: Number of classes per task, if ``tasks`` is ``None``.
        tasks: Number of tasks; the remainder of the division is not used.
        order: ``"given"``, ``"shuffled"``, or ``"balanced"`` for tasks of about equal size in shuffled order.
        seed: Seed of the shuffle.
        min_items: Classes with fewer items are not used.
        what: Plural noun for the classes in messages.

    Returns:
        Ids ``[T, per_task]`` of the classes of every task.

    Raises:
        InputError: If there are too few classes.
    """
    if order not in ORDERS:
        raise InputError(f"`order` must be one of {', '.join(ORDERS)} (got {order!r})")
    kept = (counts >= min_items).nonzero().view(-1)
    if tasks is not None:
        if tasks > kept.numel():
            raise InputError(f"{tasks} tasks need at least as many {what} (got {kept.numel()}); use fewer `tasks`")
        per_task = kept.numel() // max(tasks, 1)
    if per_task < 1:
        raise InputError(f"`per_task` must be at least 1 (got {per_task}); a task needs {what}")
    number = kept.numel() // per_task if tasks is None else tasks
    if number < 2:
        left = "" if kept.numel() == counts.numel() else f" of {counts.numel()} that are large enough"
        raise InputError(
            f"a stream needs at least two tasks (got {number}: {kept.numel()} {what}{left}, {per_task} per task); "
            "use a smaller `per_task`"
        )
    generator = torch.Generator().manual_seed(seed)
    if order == "shuffled":
        kept = kept[torch.randperm(kept.numel(), generator=generator)]
    if order == "balanced":  # one of the largest to each task, then one of the next largest, in reverse order
        ranked = kept[counts[kept].argsort(descending=True, stable=True)][: number * per_task].view(per_task, number)
        dealt = torch.stack([row if turn % 2 == 0 else row.flip(0) for turn, row in enumerate(ranked)], dim=1)
        return dealt[torch.randperm(number, generator=generator)]
    return kept[: number * per_task].view(number, per_task)


def windows_of(time: Tensor, labeled: Tensor, tasks: int) -> Tensor:
    """Splits time into windows with about the same number of labeled nodes.

    Args:
        time: Time ``[N]`` at which each node appears; nodes with equal times share a window.
        labeled: Mask ``[N]`` of the labeled nodes.
        tasks: Number of windows.

    Returns:
        Window ``[N]`` of every node, int64.

    Raises:
        InputError: If there are fewer distinct times than windows.
    """
    if time.dim() != 1 or time.numel() != labeled.numel():
        raise InputError(f"`time` must hold one number per node (got shape {tuple(time.shape)})")
    moments, index = torch.unique(time, return_inverse=True)
    if tasks < 2 or moments.numel() < tasks:
        raise InputError(f"{tasks} tasks over time need at least two, and as many times (got {moments.numel()} times)")
    counts = torch.bincount(index[labeled], minlength=moments.numel())
    # The window of a time is that of the middle of its labeled nodes in order; no window is left empty.
    middle = (counts.cumsum(0) - counts / 2) / counts.sum().clamp(min=1)
    window = (middle * tasks).long().clamp(0, tasks - 1)
    steps = torch.arange(moments.numel(), device=time.device)
    window = torch.minimum(torch.maximum(window, tasks - (moments.numel() - steps)), steps)
    return torch.cummax(window, 0).values[index]


def first_seen(edge_index: Tensor, edge_time: Tensor, num_nodes: int) -> Tensor:
    """Returns the time ``[N]`` of the first edge of every node.

    Nodes without an edge have the earliest time.
    """
    start = edge_time.min() if edge_time.numel() else edge_time.new_zeros(())
    time = torch.full((num_nodes,), float("inf"), dtype=torch.double, device=edge_time.device)
    for end in (edge_index[0], edge_index[1]):
        time = time.scatter_reduce(0, end, edge_time.double(), "amin")
    return torch.where(time.isinf(), start.double(), time)


def window_of_edges(edge_time: Tensor, time: Tensor, window: Tensor) -> Tensor:
    """Returns the window ``[E]`` in which each edge appears."""
    starts = torch.stack([time[window == index].min() for index in range(int(window.max()) + 1)])
    return (torch.searchsorted(starts.double(), edge_time.double().contiguous(), right=True) - 1).clamp(min=0)


def node_time(data: Data) -> Tensor:
    """Returns the time ``[N]`` at which each node appears.

    Raises:
        InputError: If the data have no times.
    """
    for name in ("time", "node_year"):
        if name in data and data[name].size(0) == data.num_nodes:
            time: Tensor = data[name]
            return time.view(-1)
    if "edge_time" in data:
        return first_seen(plain_edge_index(data.edge_index), data.edge_time, int(data.num_nodes or 0))
    raise InputError("a stream over time needs `data.time` or `data.node_year` [N], or `data.edge_time` [E] (got none)")
