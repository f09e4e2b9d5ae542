import os
import pickle
from pathlib import Path

import pytest
import torch
from torch_geometric import EdgeIndex
from torch_geometric.data import Data, HeteroData

from graphkit.data import load
from graphkit.errors import InputError
from graphkit.training.progress import Progress
from tests.fitting import fit


def example(**changes: object) -> Data:
    masks = torch.eye(3, 4).bool()
    return Data(
        x=torch.arange(8.0).view(4, 2),
        edge_index=torch.tensor([[0, 1, 2], [1, 2, 3]]),
        y=torch.tensor([0, 1, 1, 0]),
        train_mask=masks[0],
        val_mask=masks[1],
        test_mask=masks[2],
        **changes,
    )


class Attack:
    """A pickle that makes a folder when it is loaded by a careless reader."""

    def __init__(self, path: Path) -> None:
        self.path = str(path)

    def __reduce__(self) -> tuple:
        return os.mkdir, (self.path,)


def test_a_pyg_graph(tmp_path: Path) -> None:
    torch.save(example(pos=torch.ones(4, 3)), tmp_path / "data.pt")
    dataset = load(tmp_path / "data.pt")
    assert dataset.graphs[0].num_edges == 6 and dataset.num_features == 2
    assert [ids.tolist() for ids in vars(dataset.splits[0]).values()] == [[0], [1], [2]]


def test_a_sorted_edge_index_and_a_dictionary(tmp_path: Path) -> None:
    data = example()
    data.edge_index = EdgeIndex(data.edge_index, sort_order="col", sparse_size=(4, 4))
    torch.save(data, tmp_path / "data.pt")
    assert load(tmp_path / "data.pt", directed=True).graphs[0].num_edges == 3
    torch.save(example().to_dict(), tmp_path / "data.pt")
    assert load(tmp_path / "data.pt").graphs[0].num_edges == 6


@pytest.mark.parametrize("hidden", ["alone", "in a graph", "in a list", "legacy"])
def test_a_hidden_pickle_is_refused_and_not_run(tmp_path: Path, hidden: str) -> None:
    path, made = tmp_path / "data.pt", tmp_path / "made-by-the-attack"
    attack = Attack(made)
    if hidden == "legacy":
        path.write_bytes(pickle.dumps(attack, protocol=2))
    else:
        content = {"alone": attack, "in a graph": example(extra=attack), "in a list": [example(), attack]}[hidden]
        torch.save(content, path)
    with pytest.raises(ValueError) as error:
        load(path)
    assert not made.exists()
    assert "\n" not in str(error.value) and "refused" in str(error.value) and "mkdir" in str(error.value)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (torch.ones(3), "must hold a torch_geometric Data"),
        ([1, 2], "must hold a torch_geometric Data"),
        ({"x": torch.ones(3, 1)}, "has no `edge_index`"),
        (Data(x=torch.ones(2, 1), edge_index=torch.tensor([[0], [5]]), y=torch.tensor([0, 1])), "joins 0 and 5"),
        (Data(x=torch.ones(2, 1), edge_index=torch.tensor([[0], [1]]), y=torch.tensor([0, -1])), "all labels are '0'"),
    ],
)
def test_other_content_is_one_clear_line(tmp_path: Path, content: object, message: str) -> None:
    torch.save(content, tmp_path / "data.pt")
    with pytest.raises(ValueError, match=message) as error:
        load(tmp_path / "data.pt")
    assert "\n" not in str(error.value)


def test_typed_graphs_and_damaged_files(tmp_path: Path) -> None:
    typed = HeteroData()
    typed["person"].x, typed["person", "knows", "person"].edge_index = torch.ones(2, 3), torch.tensor([[0], [1]])
    torch.save(typed, tmp_path / "data.pt")
    with pytest.raises(ValueError, match=r"several types of nodes.*to_homogeneous"):
        load(tmp_path / "data.pt")
    torch.save(example(), tmp_path / "data.pt")
    content = (tmp_path / "data.pt").read_bytes()
    for damaged in (content[:500], b"no archive at all"):
        (tmp_path / "data.pt").write_bytes(damaged)
        with pytest.raises(ValueError, match="cannot be read") as error:
            load(tmp_path / "data.pt")
        assert "\n" not in str(error.value)


def graphs(count: int = 30) -> list[Data]:
    ring = torch.stack([torch.arange(5), (torch.arange(5) + 1) % 5])
    return [Data(x=torch.full((5, 2), float(k)), edge_index=ring, y=torch.tensor([k % 3])) for k in range(count)]


def test_a_list_of_graphs_is_graph_classification(tmp_path: Path) -> None:
    torch.save(graphs(), tmp_path / "graphs.pt")
    dataset = load(tmp_path / "graphs.pt")
    assert (dataset.task, dataset.num_outputs, len(dataset.graphs)) == ("graph-classification", 3, 30)
    train = dataset.graphs.batch(dataset.splits[0].train)
    assert torch.bincount(train.y).tolist() == [6, 6, 6]


def test_graphs_may_bring_their_split_and_several_labels(tmp_path: Path) -> None:
    content = graphs(6)
    for k, data in enumerate(content):
        data.split = ["train", "val", "test"][k % 3]
        data.y = torch.tensor([[float(k % 2), float("nan")]])
    torch.save(content, tmp_path / "graphs.pt")
    dataset = load(tmp_path / "graphs.pt")
    assert (dataset.task, dataset.num_outputs) == ("multitask-graph-classification", 2)
    assert dataset.splits[0].val.tolist() == [1, 4]


def test_bad_graphs_are_named(tmp_path: Path) -> None:
    for change, message in (
        ({"x": None}, "graph 1: the nodes must have features .got none.*--set data.features=structural"),
        ({"edge_index": torch.tensor([[0], [9]])}, "graph 1: edge 0 joins 0 and 9"),
        ({"y": torch.tensor([5])}, "without gaps"),
    ):
        content = graphs(4)
        for name, value in change.items():
            content[1][name] = value
        torch.save(content, tmp_path / "graphs.pt")
        with pytest.raises(ValueError, match=message):
            load(tmp_path / "graphs.pt")


def test_loading_leaves_the_allowed_classes_as_they_were(tmp_path: Path) -> None:
    before = set(torch.serialization.get_safe_globals())
    torch.save(example(), tmp_path / "data.pt")
    load(tmp_path / "data.pt")
    assert set(torch.serialization.get_safe_globals()) == before


def test_what_is_not_used_is_noted(tmp_path: Path) -> None:
    path = tmp_path / "data.pt"
    torch.save(example(edge_attr=torch.ones(3, 2), pos=torch.ones(4, 3)), path)
    assert load(path).notes == (f"'{path}': not used: `pos`",) and load(path, ignore="pos").notes == ()
    assert load(path).graphs[0].edge_attr.shape == (6, 2)
    assert "edge_attr" not in load(path, ignore="edge_attr").graphs[0]
    content = graphs(6)
    content[3].edge_attr = torch.ones(5, 2)
    torch.save(content, path)
    lines: list[str] = []
    progress = Progress()
    progress.say = lines.append
    config = {"model": {"name": "gin", "hidden_channels": 4}, "data": {"name": str(path)}, "train": {"epochs": 1}}
    fit(config, tmp_path / "run", progress)
    assert lines == [f"note: '{path}': not used: `edge_attr`"]
    assert load(path).notes == (f"'{path}': not used: `edge_attr`",)


def sparse(indices: list[list[int]], width: int) -> torch.Tensor:
    """A sparse tensor of four rows, whose indices may lie outside."""
    return torch.sparse_coo_tensor(torch.tensor(indices), torch.ones(1), (4, width), check_invariants=False)


def nested(depth: int) -> list:
    item: list = [1]
    for _ in range(depth):
        item = [item, item]
    return item


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("x", torch.zeros(1, 1).expand(4, 2**30), "would take 16,384 MB, more than 100 times the file"),
        ("x", sparse([[0], [0]], 2**33), "would take 131,072 MB"),
        ("x", sparse([[9], [2**40]], 2), "data.pt' cannot be read"),
        ("y", torch.zeros(1).long().expand(2**31), "would take 16,384 MB"),
        ("x", torch.ones(4, 2, device="meta"), "`x` must be an ordinary tensor"),
        ("x", torch.ones(4, 2, dtype=torch.complex64), "`x` must hold numbers"),
        ("x", nested(40), "`x` must be a tensor or an array .got list"),
        ("class_names", nested(40), "`class_names` must be an array of strings"),
        ("y", {"a": 1}, "`y` must be a tensor or an array .got dict"),
        ("num_nodes", 7, "one entry per node, 7 as `num_nodes` says .got 4"),
        ("edge_index", torch.full((2, 3), 2**40), "joins 1099511627776 and"),
        ("edge_weight", torch.ones(2), r"`edge_weight` must have one number .*the shape \[2\]"),
    ],
)
def test_tensors_of_another_kind_are_one_clear_line(tmp_path: Path, name: str, value: object, message: str) -> None:
    torch.save({**example().to_dict(), name: value}, tmp_path / "data.pt")
    with pytest.raises(ValueError, match=message) as error:
        load(tmp_path / "data.pt")
    assert type(error.value).__name__ == "InputError" and "\n" not in str(error.value)


def test_half_precision_lists_and_parameters_are_taken(tmp_path: Path) -> None:
    content = example().to_dict()
    content.update(x=torch.nn.Parameter(torch.ones(4, 2)).bfloat16(), y=[0, 1, 1, 0], edge_weight=[1.0, 2.0, 3.0])
    torch.save(content, tmp_path / "data.pt")
    dataset = load(tmp_path / "data.pt")
    assert dataset.graphs[0].y.tolist() == [0, 1, 1, 0] and dataset.graphs[0].edge_weight.sum() == 12


def test_an_archive_that_claims_several_disks_is_one_line(tmp_path: Path) -> None:
    path = tmp_path / "g.pt"
    torch.save({"x": torch.ones(2, 1)}, path)
    content = bytearray(path.read_bytes())
    locator = content.rfind(b"PK\x06\x07")  # of the zip64 end record; the number of disks is its last field
    if locator < 0:  # written without it: append a locator in front of the end record
        end = content.rfind(b"PK\x05\x06")
        content[end:end] = (
            b"PK\x06\x07" + (0).to_bytes(4, "little") + (0).to_bytes(8, "little") + (2).to_bytes(4, "little")
        )
    else:
        content[locator + 16 : locator + 20] = (2).to_bytes(4, "little")
    path.write_bytes(content)
    with pytest.raises(InputError, match="is not a readable archive|is damaged|cannot be read") as error:
        load(path)
    assert "\n" not in str(error.value)
