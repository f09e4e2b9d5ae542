"""What belongs to which task: groups of classes, of labels or assays, and windows of time."""

import torch
from torch import Tensor
from torch_geometric.data import Data

from graphkit.data.edges import plain_edge_index
from graphkit.errors import InputError

ORDERS = ("given", "shuffled", "balanced")


def groups_of(
    counts: Tensor, per_task: int, tasks: int | None, order: str, seed: int, min_items: int, what: str
) -> Tensor:
    """Deals classes (or labels, or assays) to tasks, as many to each.

    Args:
        counts: ``[C]``, the number of items of each.
        per_task: How many a task has, where ``tasks`` does not say.
        tasks: Number of tasks; all get the same number, and what does not divide is left over.
        order: ``"given"``, ``"shuffled"``, or ``"balanced"`` for tasks of about equal size in shuffled order.
        seed: Seed of the shuffle.
        min_items: Those with fewer items are not used.
        what: What they are called in a message.

    Returns:
        ``[T, per_task]`` ids.

    Raises:
        ValueError: If there are too few for the tasks.
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
    if order == "balanced":  # the largest go to one task each, then the next largest, in the opposite order
        ranked = kept[counts[kept].argsort(descending=True, stable=True)][: number * per_task].view(per_task, number)
        dealt = torch.stack([row if turn % 2 == 0 else row.flip(0) for turn, row in enumerate(ranked)], dim=1)
        return dealt[torch.randperm(number, generator=generator)]
    return kept[: number * per_task].view(number, per_task)


def windows_of(time: Tensor, labeled: Tensor, tasks: int) -> Tensor:
    """Cuts time into windows that hold about as many labeled nodes each.

    Args:
        time: ``[N]`` when each node appears; nodes of one time stay together.
        labeled: ``[N]`` bool.
        tasks: Number of windows.

    Returns:
        ``[N]`` int64, the window of every node.

    Raises:
        ValueError: If there are fewer different times than windows.
    """
    if time.dim() != 1 or time.numel() != labeled.numel():
        raise InputError(f"`time` must hold one number per node (got shape {tuple(time.shape)})")
    moments, index = torch.unique(time, return_inverse=True)
    if tasks < 2 or moments.numel() < tasks:
        raise InputError(f"{tasks} tasks over time need at least two, and as many times (got {moments.numel()} times)")
    counts = torch.bincount(index[labeled], minlength=moments.numel())
    # The middle of each moment's share of the labeled nodes tells its window; none may stay empty.
    middle = (counts.cumsum(0) - counts / 2) / counts.sum().clamp(min=1)
    window = (middle * tasks).long().clamp(0, tasks - 1)
    steps = torch.arange(moments.numel(), device=time.device)
    window = torch.minimum(torch.maximum(window, tasks - (moments.numel() - steps)), steps)
    return torch.cummax(window, 0).values[index]


def first_seen(edge_index: Tensor, edge_time: Tensor, num_nodes: int) -> Tensor:
    """Returns when each node's first edge appears, ``[N]``; nodes without an edge are there from the start."""
    start = edge_time.min() if edge_time.numel() else edge_time.new_zeros(())
    time = torch.full((num_nodes,), float("inf"), dtype=torch.double, device=edge_time.device)
    for end in (edge_index[0], edge_index[1]):
        time = time.scatter_reduce(0, end, edge_time.double(), "amin")
    return torch.where(time.isinf(), start.double(), time)


def window_of_edges(edge_time: Tensor, time: Tensor, window: Tensor) -> Tensor:
    """Returns the window in which each edge appears, ``[E]``, for windows of nodes with the given times."""
    starts = torch.stack([time[window == index].min() for index in range(int(window.max()) + 1)])
    return (torch.searchsorted(starts.double(), edge_time.double().contiguous(), right=True) - 1).clamp(min=0)


def node_time(data: Data) -> Tensor:
    """Returns when each node appears.

    Raises:
        ValueError: If the data do not say.
    """
    for name in ("time", "node_year"):
        if name in data and data[name].size(0) == data.num_nodes:
            time: Tensor = data[name]
            return time.view(-1)
    if "edge_time" in data:
        return first_seen(plain_edge_index(data.edge_index), data.edge_time, int(data.num_nodes or 0))
    raise InputError("a stream over time needs `data.time` or `data.node_year` [N], or `data.edge_time` [E] (got none)")
