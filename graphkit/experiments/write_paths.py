"""Precomputation of the shortest paths of a graph in files."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import Tensor
from torch_geometric.data import Data

from graphkit.errors import InputError
from graphkit.experiments.driver import INLINE
from graphkit.experiments.scheduler import run_units
from graphkit.experiments.unit import Job
from graphkit.experiments.workers import Engine
from graphkit.files import read_json, unfinished, write_json
from graphkit.nn.paths import lengths_of
from graphkit.ops import shortest_paths
from graphkit.sampling.path_index import (
    BLOCK,
    BLOCK_INDEX,
    SETTINGS,
    block_name,
    fingerprint,
    remove_leftovers,
    write_block,
    write_index,
)
from graphkit.training.environment import peak_memory_mb, rounded_mb
from graphkit.training.fingerprint import differences
from graphkit.training.interrupt import Interrupted, InterruptFlag
from graphkit.training.progress import Progress
from graphkit.training.run_files import make_folder, make_parents


@dataclass(frozen=True)
class BlockJob(Job):
    """Search of the paths of all nodes, block by block.

    Args:
        edge_index: ``[2, E]``.
        cost: ``[E]``, edge costs; ``None`` for 1.
        num_nodes: Number of nodes.
        block: Nodes of a block.
        max_hops: Maximum number of hops.
        ratio: As for :func:`write_paths`.
    """

    done_file: ClassVar[str] = BLOCK_INDEX
    edge_index: Tensor
    cost: Tensor | None
    num_nodes: int
    block: int
    max_hops: int
    ratio: float | None

    def run(self, unit: str, folder: Path, progress: Progress, interrupt: InterruptFlag) -> float:
        """Writes a block."""
        begin, number = time.perf_counter(), int(unit.rpartition("-")[2])
        first = number * self.block
        nodes = torch.arange(first, min(first + self.block, self.num_nodes))
        counts = write_block(folder, number, first, nodes.numel(), self.search(nodes))
        progress.say(f"{unit}: {sum(counts):,} paths in {time.perf_counter() - begin:.1f} s")
        return peak_memory_mb(torch.device("cpu"))

    def search(self, nodes: Tensor) -> list[Tensor]:
        """Returns the paths of some nodes, including self paths."""
        options: dict[str, Any] = {"num_nodes": self.num_nodes, "sources": nodes, "ratio": self.ratio}
        return shortest_paths(self.edge_index, self.cost, self.max_hops, **options, self_paths=True)[0]


def write_paths(
    data: Data,
    output: str | Path,
    max_hops: int = 2,
    ratio: float | None = None,
    weight: str | None = None,
    block: int = BLOCK,
    engine: Engine = INLINE,
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
        engine (Engine, optional): Processes that write the blocks. (default: this one)
        progress (Progress, optional): Progress display. (default: ``None``)
        origin (dict, optional): Description of the graph for the index. (default: ``None``)

    Returns:
        dict: Content of ``index.json``, with the folder as ``run``.

    Raises:
        InputError: If an option has an invalid value, or the folder contains other files.
        Interrupted: If Ctrl-C was pressed.
    """
    progress = progress or Progress()
    if block < 1:
        raise InputError(f"`block` must be at least 1 (got {block})")
    num_nodes, cost = int(data.num_nodes or 0), lengths_of(data, weight, "`write_paths`")
    edge_index = torch.empty(2, 0).long() if data.edge_index is None else data.edge_index
    settings = {
        **(origin or {}), "nodes": num_nodes, "edges": edge_index.size(1), "max_hops": max_hops, "ratio": ratio,
        "weight": weight, "block": block, "graph": fingerprint(edge_index, cost, num_nodes),
    }  # fmt: skip
    folder, begin = Path(output), time.perf_counter()
    job = BlockJob(folder, edge_index, cost, num_nodes, block, max_hops, ratio)
    job.search(torch.empty(0, dtype=torch.long))  # checks the options before the folder is created
    _begin(folder, settings)
    blocks = [block_name(number) for number in range(max(1, -(-num_nodes // block)))]
    with InterruptFlag(progress, waits=not engine.is_inline) as interrupt:
        if engine.is_inline:
            with interrupt.stopping(lambda: Interrupted(0, folder)):
                for name in (name for name in blocks if not job.is_done(name)):
                    if interrupt.raised:
                        raise Interrupted(0, folder)
                    job.run(name, folder, progress, interrupt)
        else:
            run_units(job, blocks, job, engine, progress, interrupt)
    remove_leftovers(folder)
    index = write_index(folder, settings, len(blocks))
    spent = {"seconds": time.perf_counter() - begin, "peak_memory_mb": rounded_mb(peak_memory_mb(torch.device("cpu")))}
    return {"command": "paths", **index, **spent, "run": str(folder)}


def _begin(folder: Path, settings: dict[str, Any]) -> None:
    """Creates the folder with its settings, or checks those of an interrupted call.

    Raises:
        InputError: If the folder has other files or other settings, or cannot be written.
    """
    path = folder / SETTINGS
    if not path.is_file():
        if folder.is_dir() and all(unfinished(entry) == SETTINGS for entry in folder.iterdir()):
            make_parents(folder)
        else:
            make_folder(folder, "")
        write_json(path, settings)
    before = read_json(path, "choose another --output")
    for key, was, now in differences(before, settings, ()):
        raise InputError(
            f"'{folder}' was begun with {key} = {was} (got {now}); give the settings it was begun with, or another "
            "--output"
        )
