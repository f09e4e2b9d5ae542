"""Precomputation of the shortest paths of a graph in files."""

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
    """Writes the shortest paths of a graph, for :class:`~graphkit.sampling.PathIndex`.

    Only the paths of one block of nodes are in memory. Existing blocks are skipped, so that the same call continues
    after an interruption.

    Args:
        data (Data): The graph.
        output (str or Path): Folder, which must be empty, new, or of an interrupted call with the same arguments.
        max_hops (int, optional): Maximum number of hops. (default: ``2``)
        ratio (float, optional): Number of the cheapest paths to each node that are kept of every number of hops above
            one, as a fraction of the degree of the node; all if ``None``. (default: ``None``)
        weight (str, optional): Edge attribute with the lengths; all are 1 if ``None``. (default: ``None``)
        block (int, optional): Nodes of a block, whose paths are searched at once and written to one file per number of
            hops. (default: :data:`graphkit.sampling.path_index.BLOCK`)
        shard (str, optional): Shard of this process, such as ``"0/2"`` for the first half of the blocks; other
            processes write the others to the same folder. (default: ``None``)
        progress (Progress, optional): Progress display. (default: ``None``)
        origin (dict, optional): Description of the graph for the index. (default: ``None``)

    Returns:
        dict: Content of ``index.json``, with the folder as ``run``; until all shards are complete, their state.

    Raises:
        InputError: If an option has an invalid value, or the folder contains other files.
        Interrupted: If Ctrl-C was pressed.
    """
    progress, which = progress or Progress(), shard or "0/1"
    parse_shard(which)
    if block < 1:
        raise InputError(f"`block` must be at least 1 (got {block})")
    num_nodes, cost = int(data.num_nodes or 0), lengths_of(data, weight, "`write_paths`")
    edge_index = torch.empty(2, 0).long() if data.edge_index is None else data.edge_index
    nothing = torch.empty(0, dtype=torch.long)  # checks the options before the folder is created
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
    """Returns the paths of some nodes, including self paths."""
    options: dict[str, Any] = {"num_nodes": num_nodes, "sources": nodes, "ratio": ratio, "self_paths": True}
    return shortest_paths(edge_index, cost, max_hops, **options)[0]
