"""On-disk index of the shortest paths of all nodes, in memory-mapped blocks."""

import os
import secrets
import shutil
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch_geometric import EdgeIndex

from graphkit.errors import InputError
from graphkit.files import parsing, read_json, write_json, writing
from graphkit.sampling.csc_graph import spans

#: Default number of nodes per block.
BLOCK = 2**16
#: Index file of a block and of the path set; written last, so that its presence marks completeness.
BLOCK_INDEX, INDEX = "block.json", "index.json"
#: File with the settings of a path set, written first.
SETTINGS = "settings.json"
#: Largest number of nodes: ids are stored in 32 bits.
MAX_NODES = 2**31 - 1
REMEDY = "delete the folder and write the paths again with: graphkit paths --all"


class PathIndex:
    """On-disk index of the shortest paths of all nodes of a graph.

    The folder is written by ``graphkit paths --all``. Nodes are divided into blocks of consecutive ids. Each block has,
    per path length, a NumPy file with a ``path_index`` :math:`[h + 1, P]` of 32-bit ids, sorted by the last row and
    stored path by path, and a file with the offset of each node's first path. Files are memory-mapped: a lookup reads
    only the paths of the requested nodes.

    Before its first use in a process, a file is compared with its checksum (about one second per 1.5 GB; path sets of
    older versions have no checksums), and its shape and offsets are checked. Each lookup also checks that the paths end
    in the requested nodes.

    Args:
        folder (str or Path): Folder of the path set.

    Raises:
        FileNotFoundError: If the folder has no path set or an incomplete one.
        InputError: If the index file cannot be read.
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        path = self.folder / INDEX
        if not path.is_file():
            if (self.folder / SETTINGS).is_file():
                remedy = "run the command that started it again"
                raise FileNotFoundError(f"the path set '{self.folder}' is incomplete (it has no {INDEX}); {remedy}")
            remedy = "write one with: graphkit paths --all --output DIR"
            raise FileNotFoundError(f"'{self.folder}' is not a path set (it has no {INDEX}); {remedy}")
        index = read_json(path, "delete it, and run `graphkit paths --all` with the same --output again")
        if not _is_index(index):
            raise InputError(f"'{path}' is not the index of a path set; write the paths again")
        self.num_nodes, self.max_hops, self.block = index["nodes"], index["max_hops"], index["block"]
        self.ratio, self.weight, self._graph = index["ratio"], index["weight"], index["graph"]
        self.num_paths: list[int] = index["paths"]
        self._open: dict[tuple[int, int], tuple[Tensor, np.ndarray]] = {}

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_open": {}}  # each worker maps the files itself

    def __repr__(self) -> str:
        return f"PathIndex('{self.folder}', {self.num_nodes} nodes, {sum(self.num_paths)} paths)"

    def missing(self, nodes: Tensor) -> Tensor:
        """Returns the nodes without paths: an empty tensor."""
        return nodes[:0]

    def of(self, nodes: Tensor) -> list[Tensor]:
        """Reads the paths of some nodes.

        Args:
            nodes (Tensor): ``[K]`` int64, node ids.

        Returns:
            For each length the paths ``[h + 1, P_h]`` int64, node after node, in the order of the search.

        Raises:
            InputError: If a node does not exist, or a file is damaged.
            FileNotFoundError: If a file is missing.
        """
        if nodes.numel() and not 0 <= int(nodes.min()) <= int(nodes.max()) < self.num_nodes:
            what = f"got ids from {int(nodes.min())} to {int(nodes.max())}"
            raise InputError(f"nodes must be from 0 to {self.num_nodes - 1} ({what})")
        blocks = nodes // self.block
        numbers = blocks.unique().tolist()
        places = [(number, (blocks == number).nonzero().view(-1)) for number in numbers]
        return [self._of_length(hops, nodes, places) for hops in range(1, self.max_hops + 1)]

    def check(self, edge_index: Tensor, cost: Tensor | None, num_nodes: int) -> None:
        """Raises an error if the paths belong to a different graph.

        Args:
            edge_index (Tensor): ``[2, E]``.
            cost (Tensor, optional): ``[E]``, edge costs; ``None`` for 1.
            num_nodes (int): Number of nodes.

        Raises:
            InputError: If nodes, edges or costs differ from those of the path set.
        """
        if num_nodes != self.num_nodes or fingerprint(edge_index, cost, num_nodes) != self._graph:
            raise InputError(
                f"the path set '{self.folder}' must be of the same graph and lengths (got another graph of {num_nodes} "
                f"nodes, the set has {self.num_nodes}); write the paths of this one"
            )

    def _of_length(self, hops: int, nodes: Tensor, places: list[tuple[int, Tensor]]) -> Tensor:
        counts = torch.zeros(nodes.numel(), dtype=torch.long)
        rows: list[tuple[np.ndarray, Tensor, Tensor]] = []
        for number, index in places:
            ptr, paths = self._map(number, hops)
            columns, counts[index] = spans(ptr, nodes[index] - number * self.block)
            rows.append((paths, columns, index))
        end = torch.zeros(nodes.numel() + 1, dtype=torch.long)
        torch.cumsum(counts, 0, out=end[1:])
        out = np.empty((int(end[-1]), hops + 1), dtype=np.int32)
        for paths, columns, index in rows:  # path by path, the order in the file
            out[spans(end, index)[0].numpy()] = paths.T[columns.numpy()]
        path_index = torch.from_numpy(out).t().long().contiguous()
        exist = not path_index.numel() or 0 <= int(path_index.min()) <= int(path_index.max()) < self.num_nodes
        if not exist or not torch.equal(path_index[-1], torch.repeat_interleave(nodes, counts)):
            names = ", ".join(block_name(number) for number, _ in places[:3])
            raise InputError(f"'{self.folder}' has damaged paths of {hops} hops (in {names}); {REMEDY}")
        return path_index

    def _map(self, number: int, hops: int) -> tuple[Tensor, np.ndarray]:
        """Memory-maps the offsets and the paths of one length in a block."""
        key = (number, hops)
        if key not in self._open:
            block = self.folder / block_name(number)
            first = number * self.block
            count = min(self.block, self.num_nodes - first)
            checksums = _read_block(block, first, count, self.max_hops).get("crc32", {})
            ptr, paths = (_map(block / name, checksums.get(name)) for name in (f"{hops}-ptr.npy", f"{hops}.npy"))
            if ptr.dtype != np.int64 or ptr.shape != (count + 1,) or ptr[0] or bool((np.diff(ptr) < 0).any()):
                raise InputError(f"'{block / f'{hops}-ptr.npy'}' is damaged (its offsets are wrong); {REMEDY}")
            if paths.dtype != np.int32 or paths.shape != (hops + 1, ptr[-1]):
                what = f"it holds {paths.dtype} of shape {list(paths.shape)} for {ptr[-1]} paths"
                raise InputError(f"'{block / f'{hops}.npy'}' is damaged ({what}); {REMEDY}")
            self._open[key] = torch.from_numpy(ptr), paths
        return self._open[key]


def block_name(number: int) -> str:
    """Returns the folder name of a block."""
    return f"block-{number:05d}"


def write_block(folder: Path, number: int, first: int, count: int, paths: Sequence[Tensor]) -> list[int]:
    """Writes the paths of a block of nodes; the folder is renamed when complete.

    Leftovers of an interrupted writer are removed, so that only one process at a time may write a block.

    Args:
        folder (Path): Folder of the path set.
        number (int): Index of the block.
        first (int): First node of the block.
        count (int): Number of nodes.
        paths (list[Tensor]): For each length ``[h + 1, P_h]``, sorted by the last row.

    Returns:
        The number of paths of each length.
    """
    remove_leftovers(folder, block_name(number))
    aside = folder / f".{block_name(number)}-{secrets.token_hex(6)}"
    aside.mkdir()
    try:
        checksums = {}
        for hops, path_index in enumerate(paths, start=1):
            ptr = torch.zeros(count + 1, dtype=torch.long)
            torch.cumsum(torch.bincount(path_index[-1] - first, minlength=count), 0, out=ptr[1:])
            for name, array in ((f"{hops}.npy", np.asfortranarray(path_index.int().numpy())), (f"{hops}-ptr.npy", ptr)):
                _save(aside / name, np.asarray(array))
                checksums[name] = _checksum(aside / name)
        counts = [path_index.size(1) for path_index in paths]
        write_json(aside / BLOCK_INDEX, {"first": first, "nodes": count, "paths": counts, "crc32": checksums})
        try:
            os.rename(aside, folder / block_name(number))
        except OSError:  # written by another process, or present without its index
            if not (folder / block_name(number) / BLOCK_INDEX).is_file():
                raise
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    return counts


def remove_leftovers(folder: Path, name: str = "block") -> None:
    """Removes temporary files of interrupted writers of one block or of all blocks."""
    for path in folder.glob(f".{name}-*"):
        shutil.rmtree(path, ignore_errors=True)


def write_index(folder: Path, settings: dict[str, Any], blocks: int) -> dict[str, Any]:
    """Writes the index of a path set with all blocks, and returns its content.

    Args:
        folder (Path): Folder of the path set.
        settings (dict): ``nodes``, ``max_hops``, ``ratio``, ``weight``, ``block`` and ``graph``, see
            :func:`fingerprint`.
        blocks (int): Number of blocks.

    Raises:
        InputError: If the index of a block is damaged.
    """
    nodes, block, max_hops = settings["nodes"], settings["block"], settings["max_hops"]
    counts = []
    for number in range(blocks):
        first = number * block
        counts.append(_read_block(folder / block_name(number), first, min(block, nodes - first), max_hops)["paths"])
    index = {**settings, "blocks": blocks, "paths": [sum(column) for column in zip(*counts, strict=True)]}
    write_json(folder / INDEX, index)
    return index


def fingerprint(edge_index: Tensor, cost: Tensor | None, num_nodes: int) -> str:
    """Returns a 16-character hash of edges and costs, independent of edge order.

    Self loops are ignored, since no path contains them.
    """
    edges = edge_index.as_tensor() if isinstance(edge_index, EdgeIndex) else edge_index
    total = torch.zeros((), dtype=torch.long)
    for begin in range(0, edges.size(1), 2**20):
        chunk = edges[:, begin : begin + 2**20].detach().cpu().long()
        key = _mixed(chunk[0] * num_nodes + chunk[1] + 1)
        if cost is not None:
            key = _mixed(key ^ cost[begin : begin + 2**20].detach().cpu().double().view(torch.long))
        total += key.masked_fill(chunk[0] == chunk[1], 0).sum()
    return f"{(int(total) + num_nodes) % 2**64:016x}"


def _mixed(key: Tensor) -> Tensor:
    """Hashes 64-bit integers, so that sums of hashes identify a multiset."""
    key = key * -7046029254386353131  # odd, therefore invertible modulo 2**64
    key = (key ^ (key >> 29)) * -4658895280553007687
    return key ^ (key >> 32)


def _is_index(index: Any) -> bool:
    """Returns whether the content of a file is the index of a path set."""
    if not isinstance(index, dict) or not isinstance(index.get("graph"), str):
        return False
    nodes, max_hops, block, ratio = (index.get(key, -1) for key in ("nodes", "max_hops", "block", "ratio"))
    if any(type(number) is not int for number in (nodes, max_hops, block)):
        return False
    sizes = 0 <= nodes <= MAX_NODES and 1 <= max_hops <= MAX_NODES and 1 <= block < 2**62
    share = ratio is None or (type(ratio) in (int, float) and ratio > 0)
    return sizes and share and isinstance(index.get("weight", 0), str | type(None)) and _are_counts(index, max_hops)


def _are_counts(index: dict[str, Any], max_hops: int) -> bool:
    counts = index.get("paths")
    return (
        isinstance(counts, list)
        and len(counts) == max_hops
        and all(type(count) is int and count >= 0 for count in counts)
    )


def _read_block(block: Path, first: int, count: int, max_hops: int) -> dict[str, Any]:
    """Reads the index of a block.

    Raises:
        FileNotFoundError: If the file is missing.
        InputError: If it is damaged or belongs to other nodes.
    """
    path = block / BLOCK_INDEX
    if not path.is_file():
        raise FileNotFoundError(f"'{path}' of the path set is gone; run the command that wrote it again")
    index = read_json(path, REMEDY)
    right = isinstance(index, dict) and isinstance(index.get("crc32", {}), dict) and _are_counts(index, max_hops)
    if not right or (index.get("first"), index.get("nodes")) != (first, count):
        raise InputError(f"'{path}' is damaged, or that of other nodes than {first} to {first + count - 1}; {REMEDY}")
    return index


def _map(path: Path, checksum: Any) -> np.ndarray:
    """Memory-maps an array after verifying its checksum, if there is one."""
    if not path.is_file():
        raise FileNotFoundError(f"'{path}' of the path set is gone; run the command that wrote it again")
    if checksum is not None and _checksum(path) != checksum:
        raise InputError(f"'{path}' is damaged (it does not match its checksum); {REMEDY}")
    with parsing(path, REMEDY):
        # Copy-on-write mode: PyTorch warns about read-only memory. The array is never written.
        array = np.load(path, mmap_mode="c", allow_pickle=False)
    if not isinstance(array, np.ndarray):
        raise InputError(f"'{path}' is damaged (it is not an array); {REMEDY}")
    return array


def _checksum(path: Path) -> int:
    """Returns the CRC-32 checksum of a file."""
    value = 0
    with path.open("rb") as file:
        while chunk := file.read(2**20):
            value = zlib.crc32(chunk, value)
    return value


def _save(path: Path, array: np.ndarray) -> None:
    with writing(path), path.open("wb") as file:
        np.save(file, array, allow_pickle=False)
        file.flush()
        os.fsync(file.fileno())
