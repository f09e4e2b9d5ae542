import json
import os
import pickle
import shutil
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch_geometric.data import Data

from graphkit.errors import InputError
from graphkit.experiments.write_paths import write_paths
from graphkit.nn import SPAGAN
from graphkit.ops import shortest_paths
from graphkit.sampling import PathIndex, ShortestPathLoader
from graphkit.sampling.path_index import fingerprint, write_block
from graphkit.training.interrupt import Interrupted
from graphkit.training.progress import Progress
from tests.sampling.test_shortest_path_loader import large


@pytest.fixture(scope="module")
def graph() -> Data:
    return large(num_nodes=300)


@pytest.fixture(scope="module")
def folder(graph: Data, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("paths") / "set"
    write_paths(graph, folder, max_hops=3, ratio=1.0, block=64)
    return folder


def test_rows_are_those_of_a_search_in_memory(graph: Data, folder: Path) -> None:
    expected = shortest_paths(graph.edge_index, None, 3, num_nodes=300, ratio=1.0, self_paths=True)[0]
    paths = PathIndex(folder)
    assert (
        paths.num_paths == [path_index.size(1) for path_index in expected]
        and paths.max_hops == 3
        and paths.ratio == 1.0
    )
    for actual, level in zip(paths.of(torch.arange(300)), expected, strict=True):
        assert torch.equal(actual, level) and actual.dtype == torch.int64
    nodes = torch.tensor([299, 3, 64, 63, 128, 0])  # of several blocks, in an order of their own
    for actual, level in zip(paths.of(nodes), expected, strict=True):
        assert torch.equal(actual, torch.cat([level[:, level[-1] == node] for node in nodes], dim=1))
    assert [path_index.shape for path_index in paths.of(nodes[:0])] == [(2, 0), (3, 0), (4, 0)]


def test_files_are_plain_arrays_mapped_path_by_path(folder: Path) -> None:
    assert sorted(path.name for path in folder.glob("block-*")) == [f"block-0000{k}" for k in range(5)]
    last = np.load(folder / "block-00004" / "2.npy", mmap_mode="r")
    assert last.shape[0] == 3 and last.dtype == np.int32 and last.flags.f_contiguous
    assert set(np.unique(last[-1])) == set(range(256, 300))
    begin = np.load(folder / "block-00004" / "2-ptr.npy")
    assert begin.shape == (45,) and begin[-1] == last.shape[1]


def test_a_look_opens_only_the_blocks_of_its_nodes(folder: Path) -> None:
    paths = PathIndex(folder)
    paths.of(torch.tensor([70, 100]))
    assert {block for block, _ in paths._open} == {1} and all(isinstance(m, np.memmap) for _, m in paths._open.values())
    assert pickle.loads(pickle.dumps(paths))._open == {}


@pytest.mark.parametrize("workers", [0, 1])
def test_batches_are_those_of_a_search(graph: Data, folder: Path, workers: int) -> None:
    options = {"batch_size": 70, "num_workers": workers, "input_nodes": graph.train_mask}
    searched = list(ShortestPathLoader(graph, max_hops=3, ratio=1.0, **options))
    read = list(ShortestPathLoader(graph, paths=folder, **options))
    assert len(read) == len(searched)
    for one, other in zip(read, searched, strict=True):
        assert torch.equal(one.n_id, other.n_id)
        for key in ("path_index_1", "path_index_2", "path_index_3", "edge_index"):
            assert torch.equal(one[key], other[key])


def test_lengths_of_edges_count_and_a_model_sees_the_same(graph: Data, tmp_path: Path) -> None:
    write_paths(graph, tmp_path / "set", weight="length", ratio=0.5, block=100)
    torch.manual_seed(0)
    model = SPAGAN(5, 3).eval()
    searched = ShortestPathLoader(graph, 128, ratio=0.5, weight="length")
    read = ShortestPathLoader(graph, 128, paths=PathIndex(tmp_path / "set"))
    for one, other in zip(read, searched, strict=True):
        assert torch.equal(model(**model.inputs(one)), model(**model.inputs(other)))
    other = graph.clone()
    other.length = graph.length * 2
    with pytest.raises(ValueError, match="must be of the same graph and lengths"):
        ShortestPathLoader(other, paths=tmp_path / "set")


def test_another_graph_is_refused_but_not_another_order_of_its_edges(graph: Data, folder: Path) -> None:
    order = torch.randperm(graph.num_edges, generator=torch.Generator().manual_seed(0))
    shuffled = Data(edge_index=graph.edge_index[:, order], num_nodes=300)
    ShortestPathLoader(shuffled, paths=folder)
    turned = Data(edge_index=graph.edge_index[:, 1:], num_nodes=300)
    with pytest.raises(ValueError, match="got another graph of 300 nodes, the set has 300"):
        ShortestPathLoader(turned, paths=folder)
    with pytest.raises(ValueError, match="must not have `path_index_1` if `paths` is given"):
        carries = Data(edge_index=graph.edge_index, path_index_1=graph.edge_index, num_nodes=300)
        ShortestPathLoader(carries, paths=folder)


def test_fingerprints_differ_with_an_edge_its_direction_and_its_cost() -> None:
    edges = torch.tensor([[0, 1, 2], [1, 2, 0]])
    cost = torch.tensor([0.5, 1.0, 2.0])
    swapped = cost[[1, 0, 2]]
    prints = [fingerprint(edges, None, 3), fingerprint(edges.flip(0), None, 3), fingerprint(edges, None, 4)]
    prints += [fingerprint(edges, cost, 3), fingerprint(edges, swapped, 3), fingerprint(edges[:, :2], None, 3)]
    looped = torch.tensor([[0, 1, 1, 2], [1, 1, 2, 0]])  # a self loop is on no path
    assert len(set(prints)) == 6 and fingerprint(looped, None, 3) == prints[0]
    assert fingerprint(edges[:, [2, 0, 1]], cost[[2, 0, 1]], 3) == prints[3]


class Stops(Progress):
    """Presses Ctrl-C after the first block."""

    def say(self, message: str) -> None:
        if message.startswith("block"):
            os.kill(os.getpid(), signal.SIGINT)


def stop_after_a_block(graph: Data, folder: Path) -> None:
    with pytest.raises(Interrupted):
        write_paths(graph, folder, 3, 1.0, block=64, progress=Stops())


def test_an_interrupted_call_writes_the_same_files(graph: Data, folder: Path, tmp_path: Path) -> None:
    stop_after_a_block(graph, tmp_path / "set")
    with pytest.raises(FileNotFoundError, match="is incomplete .*run the command that started it again"):
        PathIndex(tmp_path / "set")
    write_paths(graph, tmp_path / "set", 3, 1.0, block=64)
    files = sorted(path.relative_to(folder) for path in folder.rglob("*.npy"))
    assert len(files) == 30
    for path in [*files, Path("index.json")]:
        assert (folder / path).read_bytes() == (tmp_path / "set" / path).read_bytes()


def test_what_is_there_is_not_done_again(graph: Data, folder: Path, tmp_path: Path) -> None:
    copy = tmp_path / "set"
    shutil.copytree(folder, copy)
    shutil.rmtree(copy / "block-00003")
    kept = (copy / "block-00001" / "1.npy").stat().st_mtime_ns
    write_paths(graph, copy, 3, 1.0, block=64)
    assert (copy / "block-00001" / "1.npy").stat().st_mtime_ns == kept
    assert (copy / "block-00003" / "3.npy").read_bytes() == (folder / "block-00003" / "3.npy").read_bytes()
    with pytest.raises(ValueError, match=r"was begun with ratio = 1.0 \(got None\)"):
        write_paths(graph, copy, 3, block=64)


def test_what_a_killed_writer_has_left_is_removed(graph: Data, folder: Path, tmp_path: Path) -> None:
    stop_after_a_block(graph, tmp_path / "set")
    left = [tmp_path / "set" / f".block-0000{number}-0123456789ab" for number in (1, 2)]
    for path in left:
        path.mkdir()
        (path / "1.npy").write_bytes(b"half")
    write_block(tmp_path / "set", 1, 64, 64, [])  # another writer of block 1 leaves that of block 2 alone
    assert [path.exists() for path in left] == [False, True]
    shutil.rmtree(tmp_path / "set" / "block-00001")
    write_paths(graph, tmp_path / "set", 3, 1.0, block=64)
    assert not list((tmp_path / "set").glob(".block-*"))
    assert (tmp_path / "set" / "index.json").read_bytes() == (folder / "index.json").read_bytes()


def test_what_is_no_path_set_is_refused(graph: Data, folder: Path, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="is not a path set .*write one with: graphkit paths --all"):
        PathIndex(tmp_path)
    (tmp_path / "index.json").write_text(json.dumps({"nodes": 3}))
    with pytest.raises(ValueError, match="is not the index of a path set"):
        PathIndex(tmp_path)
    with pytest.raises(ValueError, match="nodes must be from 0 to 299"):
        PathIndex(folder).of(torch.tensor([300]))
    for option, value in (("block", 0), ("max_hops", 0), ("ratio", 0.0)):
        with pytest.raises(ValueError, match=f"`{option}` must be"):
            write_paths(graph, tmp_path / "new", **{option: value})
    assert not (tmp_path / "new").exists()


def changed(path: Path, change: Callable[[np.ndarray], Any]) -> None:
    array = np.load(path)
    new = change(array)
    new = array if new is None else new
    np.save(path, np.asfortranarray(new) if new.ndim > 1 else new)


def without_checksums(folder: Path) -> None:
    """Makes a set as older versions wrote it."""
    for path in folder.glob("block-*/block.json"):
        index = json.loads(path.read_text())
        del index["crc32"]
        path.write_text(json.dumps(index))


@pytest.mark.parametrize("checksums", [True, False])
@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("2-ptr", lambda ptr: ptr.__setitem__(3, 50_000_000)),
        ("2-ptr", lambda ptr: ptr.__setitem__(3, -5)),
        ("2-ptr", lambda ptr: ptr.__setitem__(3, ptr[2] - 1)),
        ("2-ptr", lambda ptr: ptr.__setitem__(0, 1)),
        ("2-ptr", lambda ptr: ptr.__setitem__(-1, ptr[-1] + 1)),
        ("2-ptr", lambda ptr: ptr.__setitem__(slice(1, -1), ptr[2:])),  # the paths of the neighbors
        ("2", lambda paths: paths.__setitem__((0, 7), 300)),
        ("2", lambda paths: paths.__setitem__((0, 7), -1)),
        ("2", lambda paths: paths.__setitem__((-1, 7), paths[-1, 7] + 1)),
        ("2", lambda paths: paths[:, :-5]),
        ("2", lambda paths: paths.astype("i8")),
    ],
)
def test_damaged_files_are_refused(folder: Path, tmp_path: Path, name: str, change: Any, checksums: bool) -> None:
    copy = tmp_path / "set"
    shutil.copytree(folder, copy)
    if not checksums:
        without_checksums(copy)
        assert PathIndex(copy).of(torch.arange(300))[1].size(1) == PathIndex(copy).num_paths[1]
    changed(copy / "block-00001" / f"{name}.npy", change)
    paths = PathIndex(copy)
    paths.of(torch.arange(64))  # of another block
    with pytest.raises(InputError, match=f"damaged.*{'block-00001.*' if checksums else ''}graphkit paths --all"):
        paths.of(torch.arange(64, 128))


@pytest.mark.parametrize("name", ["1.npy", "1-ptr.npy"])
def test_an_id_that_could_be_right_and_a_file_cut_off_are_found_by_the_checksum(
    folder: Path, tmp_path: Path, name: str
) -> None:
    turned = lambda content: content[:-4] + bytes([content[-4] ^ 1]) + content[-3:]  # noqa: E731
    for number, change in enumerate((turned, lambda content: content[:-8], lambda content: content[:40])):
        copy = tmp_path / f"set-{number}"
        shutil.copytree(folder, copy)
        path = copy / "block-00000" / name
        path.write_bytes(change(path.read_bytes()))
        with pytest.raises(InputError, match=f"{name}' is damaged .it does not match its checksum"):
            PathIndex(copy).of(torch.tensor([63]))
    shutil.rmtree(copy)
    shutil.copytree(folder, copy)
    without_checksums(copy)
    path = copy / "block-00000" / name
    path.write_bytes(path.read_bytes()[:-8])
    with pytest.raises(InputError, match=f"{name}' cannot be read"):
        PathIndex(copy).of(torch.tensor([63]))


def test_files_of_another_block_or_length_are_refused(folder: Path, tmp_path: Path) -> None:
    for source, target in (("block-00000", "block-00001"), ("block-00001", "block-00004")):
        copy = tmp_path / target
        shutil.copytree(folder, copy)
        shutil.rmtree(copy / target)
        shutil.copytree(copy / source, copy / target)
        with pytest.raises(InputError, match="block.json' is damaged, or that of other nodes than"):
            PathIndex(copy).of(torch.tensor([int(target[-1]) * 64]))


@pytest.mark.parametrize(
    "change",
    [
        {"nodes": "300"}, {"nodes": -1}, {"nodes": 2**40}, {"max_hops": 0}, {"max_hops": 2}, {"block": 0},
        {"block": 2**70}, {"ratio": "all"}, {"ratio": -1.0}, {"weight": 3}, {"graph": None}, {"paths": [1, 2]},
        {"paths": [1, 2, -3]}, {"paths": None},
    ],
)  # fmt: skip
def test_a_damaged_index_is_refused(folder: Path, tmp_path: Path, change: dict) -> None:
    shutil.copytree(folder, tmp_path / "set")
    path = tmp_path / "set" / "index.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    with pytest.raises(InputError, match="index.json' is not the index of a path set"):
        PathIndex(tmp_path / "set")
