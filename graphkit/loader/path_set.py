"""Paths of every node of a graph in files: written block by block, read back a few nodes at a time."""

import os
import secrets
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch_geometric import EdgeIndex

from graphkit.errors import InputError
from graphkit.files import read_json, write_json
from graphkit.loader.in_edges import spans

#: Nodes whose paths are in one file of each length, unless something else is asked for.
BLOCK = 2**16
#: What says that a block is there, and that all of them are.
BLOCK_INDEX, INDEX = "block.json", "index.json"


class PathSet:
    r"""The paths of all nodes of a graph, in a folder that ``graphkit paths --all`` writes.

    Nodes are taken in blocks, by their ids. Of every block and every length there is one NumPy file with a
    ``path_index`` :math:`[h + 1, P]` of 32-bit ids, sorted by the last row and stored path by path, and one with where
    the paths of each node begin. The files are mapped into memory: a look at some nodes reads their paths and nothing
    else, and what was read can be forgotten again whenever memory is short.

    Args:
        folder: The folder.

    Raises:
        FileNotFoundError: If it holds no path set, or one that is not whole.
        ValueError: If its index cannot be read.
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        path = self.folder / INDEX
        if not path.is_file():
            if (self.folder / "shards").is_dir():
                remedy = "run the command that began it again"
                raise FileNotFoundError(f"the path set '{self.folder}' is not whole (it has no {INDEX}); {remedy}")
            remedy = "write one with: graphkit paths --all --output DIR"
            raise FileNotFoundError(f"'{self.folder}' is no path set (it has no {INDEX}); {remedy}")
        index = read_json(path, "delete it, and run `graphkit paths --all` with the same --output again")
        try:
            self.num_nodes, self.max_hops, self.block = (int(index[key]) for key in ("nodes", "max_hops", "block"))
            self.ratio, self.weight, self._graph = index["ratio"], index["weight"], index["graph"]
            self.num_paths: list[int] = index["paths"]
        except (KeyError, TypeError, ValueError):
            raise InputError(f"'{path}' is no index of a path set; write the paths again") from None
        self._open: dict[tuple[int, str], np.ndarray] = {}

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_open": {}}  # a worker maps the files itself

    def __repr__(self) -> str:
        return f"PathSet('{self.folder}', {self.num_nodes} nodes, {sum(self.num_paths)} paths)"

    def missing(self, nodes: Tensor) -> Tensor:
        """Returns those of some nodes whose paths are not there: none."""
        return nodes[:0]

    def of(self, nodes: Tensor) -> list[Tensor]:
        """Reads the paths of some nodes.

        Args:
            nodes: ``[K]`` int64, the nodes.

        Returns:
            For each length ``[h + 1, P_h]`` int64, node after node, each node's in the order of the search.

        Raises:
            ValueError: If a node does not exist.
            FileNotFoundError: If a file of the set is gone.
        """
        if nodes.numel() and not 0 <= int(nodes.min()) <= int(nodes.max()) < self.num_nodes:
            what = f"got ids from {int(nodes.min())} to {int(nodes.max())}"
            raise InputError(f"nodes must be from 0 to {self.num_nodes - 1} ({what})")
        blocks = nodes // self.block
        found = blocks.unique().tolist()
        places = [(number, (blocks == number).nonzero().view(-1)) for number in found]
        return [self._of_length(hops, nodes, places) for hops in range(1, self.max_hops + 1)]

    def check(self, edge_index: Tensor, cost: Tensor | None, num_nodes: int) -> None:
        """Refuses a graph that the paths are not of.

        Raises:
            ValueError: If it has other nodes, edges or costs than the one whose paths were written.
        """
        if num_nodes != self.num_nodes or fingerprint(edge_index, cost, num_nodes) != self._graph:
            raise InputError(
                f"the path set '{self.folder}' must be of the same graph and lengths (got another graph of {num_nodes} "
                f"nodes, the set has {self.num_nodes}); write the paths of this one"
            )

    def _of_length(self, hops: int, nodes: Tensor, places: list[tuple[int, Tensor]]) -> Tensor:
        counts = torch.zeros(nodes.numel(), dtype=torch.long)
        rows: list[tuple[np.ndarray, Tensor, Tensor]] = []
        for number, own in places:
            ptr = torch.from_numpy(self._map(number, f"{hops}-ptr"))
            columns, counts[own] = spans(ptr, nodes[own] - number * self.block)
            rows.append((self._map(number, str(hops)), columns, own))
        end = torch.zeros(nodes.numel() + 1, dtype=torch.long)
        torch.cumsum(counts, 0, out=end[1:])
        out = np.empty((int(end[-1]), hops + 1), dtype=np.int32)
        for paths, columns, own in rows:  # path by path, as they lie in the file
            out[spans(end, own)[0].numpy()] = paths.T[columns.numpy()]
        return torch.from_numpy(out).t().long().contiguous()

    def _map(self, number: int, name: str) -> np.ndarray:
        key = (number, name)
        if key not in self._open:
            path = self.folder / block_name(number) / f"{name}.npy"
            if not path.is_file():
                raise FileNotFoundError(f"'{path}' of the path set is gone; run the command that wrote it again")
            # Copied on writing, which nobody does: PyTorch warns of memory that it could not write to.
            self._open[key] = np.load(path, mmap_mode="c", allow_pickle=False)
        return self._open[key]


def block_name(number: int) -> str:
    """Returns the folder of a block."""
    return f"block-{number:05d}"


def write_block(folder: Path, number: int, first: int, count: int, paths: Sequence[Tensor]) -> list[int]:
    """Writes the paths of a block of nodes; its folder appears when it is whole.

    Args:
        folder: The folder of the path set.
        number: Which block it is.
        first: Its first node.
        count: How many nodes it has.
        paths: For each length ``[h + 1, P_h]``, sorted by the last row.

    Returns:
        How many paths there are of each length.
    """
    aside = folder / f".{block_name(number)}-{secrets.token_hex(6)}"
    aside.mkdir()
    try:
        for hops, path_index in enumerate(paths, start=1):
            ptr = torch.zeros(count + 1, dtype=torch.long)
            torch.cumsum(torch.bincount(path_index[-1] - first, minlength=count), 0, out=ptr[1:])
            _save(aside / f"{hops}.npy", np.asfortranarray(path_index.int().numpy()))
            _save(aside / f"{hops}-ptr.npy", ptr.numpy())
        counts = [path_index.size(1) for path_index in paths]
        write_json(aside / BLOCK_INDEX, {"first": first, "nodes": count, "paths": counts})
        try:
            os.rename(aside, folder / block_name(number))
        except OSError:  # another process has written the same, or it was there without its index
            if not (folder / block_name(number) / BLOCK_INDEX).is_file():
                raise
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    return counts


def write_index(folder: Path, settings: dict[str, Any], blocks: int) -> dict[str, Any]:
    """Writes the index of a path set that has all its blocks, and returns it.

    Args:
        folder: The folder.
        settings: ``nodes``, ``max_hops``, ``ratio``, ``weight``, ``block`` and ``graph``, see :func:`fingerprint`.
        blocks: Number of blocks.
    """
    counts = [read_json(folder / block_name(number) / BLOCK_INDEX)["paths"] for number in range(blocks)]
    index = {**settings, "blocks": blocks, "paths": [sum(each) for each in zip(*counts, strict=True)]}
    write_json(folder / INDEX, index)
    return index


def fingerprint(edge_index: Tensor, cost: Tensor | None, num_nodes: int) -> str:
    """Returns 16 letters that stand for the edges and costs of a graph, in whatever order these are given.

    Self loops, which are on no path, do not count.
    """
    edges = edge_index.as_tensor() if isinstance(edge_index, EdgeIndex) else edge_index
    total = torch.zeros((), dtype=torch.long)
    for begin in range(0, edges.size(1), 2**20):
        part = edges[:, begin : begin + 2**20].detach().cpu().long()
        key = _mixed(part[0] * num_nodes + part[1] + 1)
        if cost is not None:
            key = _mixed(key ^ cost[begin : begin + 2**20].detach().cpu().double().view(torch.long))
        total += key.masked_fill(part[0] == part[1], 0).sum()
    return f"{(int(total) + num_nodes) % 2**64:016x}"


def _mixed(key: Tensor) -> Tensor:
    """Spreads numbers over all 64 bits; sums of what comes out say which numbers there were."""
    key = key * -7046029254386353131  # an odd number: multiplying by it loses nothing
    key = (key ^ (key >> 29)) * -4658895280553007687
    return key ^ (key >> 32)


def _save(path: Path, array: np.ndarray) -> None:
    with path.open("wb") as file:
        np.save(file, array, allow_pickle=False)
        file.flush()
        os.fsync(file.fileno())
