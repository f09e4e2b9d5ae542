"""Writes the paths of all nodes of a graph into files, block by block, by one process or by several in a folder."""

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch_geometric.data import Data

from graphkit.errors import InputError
from graphkit.experiments.shards import Shard, open_folder, parse_shard
from graphkit.nn.paths import lengths_of
from graphkit.ops import shortest_paths
from graphkit.sampling.path_index import (
    BLOCK,
    BLOCK_INDEX,
    block_name,
    fingerprint,
    remove_leftovers,
    write_block,
    write_index,
)
from graphkit.training.environment import peak_memory_mb
from graphkit.training.interrupt import Interrupted, InterruptFlag
from graphkit.training.progress import Progress


def write_paths(
    data: Data,
    output: str | Path,
    max_hops: int = 2,
    ratio: float | None = None,
    weight: str | None = None,
    block: int = BLOCK,
    shard: str | None = None,
    progress: Progress | None = None,
    origin: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Writes the paths of all nodes of a graph, for :class:`~graphkit.sampling.PathIndex`.

    The paths of one block of nodes are in memory at a time, beside the graph. What is there already is not done again,
    so that the same call goes on after an interruption.

    Args:
        data: The graph.
        output: The folder, which must be empty, not exist, or hold what the same call has begun.
        max_hops: Largest number of hops.
        ratio: How many of its cheapest paths a node keeps of each length above one hop, as a share of its degree;
            ``None`` for all.
        weight: Name of the attribute with the length of each edge; by default all have the length 1.
        block: Nodes whose paths are found in one go, and are in one file of each length.
        shard: Such as ``"0/2"``: this process does the first half of the blocks, and others, which share the folder,
            the rest.
        progress: What a person sees; nothing by default.
        origin: Where the graph is from, which stands in the index.

    Returns:
        The content of ``index.json``, with ``run``, the folder; while other shards have something left, what is done so
        far.

    Raises:
        ValueError: If an option has no such value, or the folder holds something else.
        Interrupted: After Ctrl-C.
    """
    progress, which = progress or Progress(), shard or "0/1"
    parse_shard(which)
    if block < 1:
        raise InputError(f"`block` must be at least 1 (got {block})")
    num_nodes, cost = int(data.num_nodes or 0), lengths_of(data, weight, "`write_paths`")
    edge_index = torch.empty(2, 0).long() if data.edge_index is None else data.edge_index
    nothing = torch.empty(0, dtype=torch.long)  # so that wrong options are refused before there is a folder
    shortest_paths(edge_index, cost, max_hops, num_nodes=num_nodes, sources=nothing, ratio=ratio, self_paths=True)
    settings = {
        **(origin or {}), "nodes": num_nodes, "edges": edge_index.size(1), "max_hops": max_hops, "ratio": ratio,
        "weight": weight, "block": block, "graph": fingerprint(edge_index, cost, num_nodes),
    }  # fmt: skip
    blocks = {block_name(number): number for number in range(max(1, -(-num_nodes // block)))}
    begin = time.perf_counter()
    with open_folder(output) as new:
        folder = new.path
        work = Shard(folder, "paths", settings, list(blocks), which, progress, BLOCK_INDEX)
    with work:
        with InterruptFlag(progress) as interrupt, interrupt.stopping(lambda: Interrupted(0, folder)):
            for name, number in work.turns(blocks):
                if interrupt.raised:
                    raise Interrupted(0, folder)
                since, first = time.perf_counter(), number * block
                nodes = torch.arange(first, min(first + block, num_nodes))
                paths = _found(edge_index, cost, max_hops, num_nodes, nodes, ratio)
                counts = write_block(folder, number, first, nodes.numel(), paths)
                progress.say(f"{name}: {sum(counts):,} paths in {time.perf_counter() - since:.1f} s")
        if work.left():
            return work.so_far()
        remove_leftovers(folder)
        index = write_index(folder, settings, len(blocks))
    spent = {"seconds": time.perf_counter() - begin, "peak_memory_mb": round(peak_memory_mb(torch.device("cpu")), 1)}
    return {"command": "paths", **index, **spent, "run": str(folder)}


def _found(
    edge_index: Tensor, cost: Tensor | None, max_hops: int, num_nodes: int, nodes: Tensor, ratio: float | None
) -> list[Tensor]:
    """Returns the paths of some nodes, self paths included, as layers attend to them."""
    options: dict[str, Any] = {"num_nodes": num_nodes, "sources": nodes, "ratio": ratio, "self_paths": True}
    return shortest_paths(edge_index, cost, max_hops, **options)[0]
