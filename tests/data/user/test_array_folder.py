"""A graph in a folder of arrays, which stay on disk."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from graphkit.data import load, write_folder
from graphkit.data.array_files import open_array
from graphkit.experiments import evaluate_run, open_run
from graphkit.nn import FactorGCN
from graphkit.sampling import NeighborLoader
from tests.fitting import fit

N = 60


def graph() -> dict[str, Any]:
    g = torch.Generator().manual_seed(0)
    y = torch.arange(N) % 3
    edge_index = torch.stack([torch.arange(N), (torch.arange(N) + 3) % N])
    fold = torch.arange(N) // 3 % 4
    masks = {"train_mask": fold < 2, "val_mask": fold == 2, "test_mask": fold == 3}
    return {"x": torch.randn(N, 4, generator=g) + y[:, None], "edge_index": edge_index, "y": y, **masks}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_folder(tmp_path / "graph", **graph())


def test_comes_back_as_it_was_written_with_both_directions(folder: Path) -> None:
    dataset, expected = load(folder), graph()
    data, split = dataset.graphs[0], dataset.splits[0]
    assert dataset.mapped and dataset.name == "graph" and dataset.num_outputs == 3 and dataset.num_features == 4
    assert torch.equal(data.x, expected["x"]) and torch.equal(data.y, expected["y"])
    both = torch.cat([expected["edge_index"], expected["edge_index"].flip(0)], dim=1)
    assert {(*pair,) for pair in data.edge_index.t().tolist()} == {(*pair,) for pair in both.t().tolist()}
    assert data.num_edges == 2 * N and data.edge_index.is_sorted_by_col
    for split_name in ("train", "val", "test"):
        assert torch.equal(getattr(split, split_name), expected[f"{split_name}_mask"].nonzero().view(-1))


def test_trains_as_the_same_graph_in_memory(folder: Path, tmp_path: Path) -> None:
    numbers = {name: value.numpy() for name, value in graph().items()}
    np.savez(tmp_path / "graph.npz", **numbers)
    for name in ("gcn", "factorgcn", "spagan"):
        results = [
            fit({"model": {"name": name, "hidden_channels": 8},
                 "data": {"name": str(tmp_path / source)}, "train": {"epochs": 2, "batch_size": 8}},
                tmp_path / f"{name}-{source}")
            for source in ("graph", "graph.npz")
        ]  # fmt: skip
        assert results[0]["validation"] == results[1]["validation"] and results[0]["test"] == results[1]["test"]
    opened = open_run(tmp_path / "gcn-graph")
    assert evaluate_run(opened)["test"] == opened.result["test"]
    assert len(opened.predict()) == N


def test_first_weights_come_from_a_part_of_what_is_on_disk(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []
    monkeypatch.setattr("graphkit.training.build_model.START", 4)
    start = FactorGCN.init_from_data
    monkeypatch.setattr(
        FactorGCN, "init_from_data", lambda self, data: (seen.append(data.num_nodes), start(self, data))
    )
    model = {"name": "factorgcn", "hidden_channels": 8, "first_weights": "principal", "input_norm": True}
    fit({"model": model, "data": {"name": str(folder)}, "train": {"epochs": 1}}, folder.parent / "run")
    assert seen and max(seen) < N // 2


def is_mapped(x: torch.Tensor, path: Path) -> bool:
    """Whether a tensor lies in the pages of a file."""
    for line in Path("/proc/self/maps").read_text().splitlines():
        if line.endswith(str(path)):
            first, last = (int(end, 16) for end in line.split()[0].split("-"))
            if first <= x.data_ptr() < last:
                return True
    return False


@pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="Linux says which memory belongs to a file")
def test_nothing_is_copied(folder: Path) -> None:
    for transforms in ([], ["self-loops", "shortest-paths"]):
        data = load(folder, transforms=transforms).graphs[0]
        assert is_mapped(data.x, folder / "x.npy")
    data = load(folder).graphs[0]
    loader = NeighborLoader(data, [-1], batch_size=5)
    held = loader.subgraphs.data
    assert is_mapped(held.x, folder / "x.npy") and is_mapped(held.edge_index.as_tensor(), folder / "edge_index.npy")
    assert is_mapped(loader.subgraphs.edges.row, folder / "edge_index.npy")
    assert is_mapped(data.clone("y").to("cpu").x, folder / "x.npy")
    batch = next(iter(loader))
    assert not is_mapped(batch.x, folder / "x.npy") and torch.equal(batch.x, data.x[batch.n_id])


def test_what_is_written_to_a_tensor_stays_out_of_the_file(folder: Path) -> None:
    data = load(folder).graphs[0]
    data.x.zero_()
    assert torch.equal(load(folder).graphs[0].x, graph()["x"])


def test_safetensors_are_mapped_too(folder: Path) -> None:
    expected = load(folder)
    for name in ("x", "edge_index", "y", "train_mask"):
        save_file({"data": torch.from_numpy(np.load(folder / f"{name}.npy"))}, folder / f"{name}.safetensors")
        (folder / f"{name}.npy").unlink()
    dataset = load(folder)
    assert torch.equal(dataset.graphs[0].x, expected.graphs[0].x) and isinstance(
        open_array(folder / "x.safetensors"), np.memmap
    )
    assert torch.equal(dataset.graphs[0].edge_index.as_tensor(), expected.graphs[0].edge_index.as_tensor())
    assert torch.equal(dataset.splits[0].train, expected.splits[0].train)


def test_blocks_weights_labels_and_directions(tmp_path: Path) -> None:
    parts = graph()
    blocks = (block.numpy() for block in parts.pop("x").double().split(7))
    edges = torch.tensor([[0, 0, 5, 1], [1, 1, 2, 0]])
    labels = torch.tensor([[0.0, 1.0], [1.0, float("nan")]]).repeat(N // 2, 1)
    more = {**parts, "edge_index": edges, "edge_weight": [1.0, 2.0, 4.0, 8.0], "y": labels}
    write_folder(tmp_path / "one", x=blocks, directed=True, class_names=("sport", "music"), **more)
    dataset = load(tmp_path / "one")
    assert torch.equal(dataset.graphs[0].x, graph()["x"]) and dataset.graphs[0].x.dtype == torch.float32
    assert dataset.class_names == ("sport", "music") and dataset.task == "multilabel-node-classification"
    assert dataset.graphs[0].edge_index.tolist() == [[1, 0, 5], [0, 1, 2]]
    assert dataset.graphs[0].edge_weight.tolist() == [8.0, 3.0, 4.0]
    write_folder(tmp_path / "two", x=graph()["x"], **more)
    both = load(tmp_path / "two").graphs[0]
    assert both.edge_index.tolist() == [[1, 0, 5, 2], [0, 1, 2, 5]]
    assert both.edge_weight.tolist() == [8.0, 3.0, 4.0, 4.0]


def test_a_split_is_drawn_where_there_is_none(tmp_path: Path) -> None:
    parts = {name: value for name, value in graph().items() if "mask" not in name}
    write_folder(tmp_path / "graph", **parts)
    split = load(tmp_path / "graph", split="0.5,0.25,0.25").splits[0]
    assert [ids.numel() for ids in vars(split).values()] == [30, 15, 15]


@pytest.mark.parametrize("transform", ["normalize-features", "degree", "largest-component", "sparse-features"])
def test_transforms_that_would_read_all_features_are_refused(transform: str, folder: Path) -> None:
    with pytest.raises(ValueError, match="the features of graph stay on disk, and .* may change them; leave it out"):
        load(folder, transforms=[transform])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"x": torch.ones(N, 2).index_fill(0, torch.tensor([7]), float("nan"))}, "`x` must be finite .* node 7"),
        ({"x": torch.ones(N - 1, 2)}, "`x` must have 60 rows in all \\(got 59\\)"),
        ({"x": [np.ones((50, 2)), np.ones((11, 2))]}, "`x` must have the shape \\[60, 2\\] in all .* after 50 rows"),
        ({"x": []}, "`x` must have the shape \\[N, F\\], or be blocks"),
        ({"edge_index": torch.tensor([[0], [60]])}, "`edge_index` must hold node ids from 0 to 59 \\(got ids from 0"),
        ({"edge_index": torch.zeros(3, 2)}, "`edge_index` must be whole numbers \\[2, E\\]"),
        ({"edge_weight": [1.0]}, "`edge_weight` must have one finite number for each of the 60 edges"),
        ({"val_mask": None}, "has `train_mask` but no `val_mask`"),
        ({"test_mask": torch.ones(3).bool()}, "`test_mask` must hold one boolean for each of the 60 nodes"),
        ({"y": torch.full((N,), 0.25)}, "the target 'y' must have two values or more \\(got 0.25 only\\)"),
        ({"y": torch.arange(N) % 3 * 2}, "`y` must hold class numbers from 0 to 2, without gaps \\(got 4\\)"),
        ({"y": ["a"] * N}, "all labels are 'a'; there must be two classes or more"),
        ({"y": torch.where(torch.arange(N) == 0, -1, torch.arange(N) % 3)}, "node 0 is in the train part but has no l"),
        ({"test_mask": torch.ones(N).bool()}, "the split has node 0 more than once, in train and test"),
        (
            {"train_mask": torch.ones(5, N).bool()},
            "the shape \\[nodes, splits\\] \\(got bool of shape \\[5, 60\\]\\); tr",
        ),
        ({"class_names": ("a", "b")}, "one for each of the 2 class names"),
        ({"x": [np.ones((N, 2)), np.ones(3)]}, "`x` must have the shape \\[N, F\\] and hold numbers"),
        ({"x": 5}, "`x` must be an array, or blocks of its rows \\(got int\\)"),
        ({"edge_index": torch.zeros(4, 2).long()}, "`edge_index` must be whole numbers \\[2, E\\] .*; transpose it"),
        ({"edge_index": [[0, 1], [1]]}, "`edge_index` must be an array of numbers"),
    ],
)
def test_a_mistake_leaves_no_folder(changes: dict[str, Any], message: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=message) as error:
        write_folder(tmp_path / "graph", **{**graph(), **changes})
    assert "\n" not in str(error.value) and not list(tmp_path.iterdir())


def test_a_folder_is_never_overwritten(folder: Path) -> None:
    with pytest.raises(ValueError, match="exists; give another folder"):
        write_folder(folder, **graph())


def put(name: str, value: Any) -> Any:
    return lambda folder: np.save(folder / f"{name}.npy", value)


def save_two(path: Path) -> None:
    save_file({"a": torch.ones(2), "b": torch.ones(2)}, path)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (put("x", np.ones((N, 4))), "`x` must be float32 \\[60, F\\], .* \\(got float64 of shape \\[60, 4\\]\\)"),
        (put("x", np.ones((5, 4), np.float32)), "`x` must be float32 \\[60, F\\]"),
        (put("x", np.array([{}])), "x.npy' holds Python objects, which could run code"),
        (put("edge_index", np.zeros((2, 3), np.int32)), "`edge_index` must be int64 \\[2, E\\]"),
        (put("edge_index", np.array([[0, 1], [5, 4]])), "edges must be sorted by target"),
        (put("edge_index", np.array([[0, 1], [4, 60]])), "node ids from 0 to 59 \\(got ids from 0 to 60\\)"),
        (put("y", np.arange(N) % 3 * 2), "`y` must hold class numbers from 0 to 2, without gaps"),
        (put("y", np.full(N, "a")), "there must be two classes or more"),
        (put("y", np.full((N, 2), 3.0)), "the target '0' must have two values or more \\(got 3 only\\)"),
        (put("y", np.full(N, -1)), "no node has a label; label some"),
        (put("train_mask", np.ones(N)), "`train_mask` must hold one boolean for each of the 60 nodes"),
        (put("class_names", np.array(["a", "b"])), "from 0 to 1, one for each of the 2 class names \\(got 2\\)"),
        (put("weight", np.ones(N)), "unknown array 'weight'; did you mean 'edge_weight'"),
        (put("edge_weight", np.ones(3, np.float32)), "`edge_weight` must be float32 \\[120\\]"),
        (lambda folder: (folder / "x.npy").unlink(), "has no x.npy"),
        (lambda folder: (folder / "val_mask.npy").unlink(), "has `train_mask` but no `val_mask`"),
        (lambda folder: (folder / "x.npy").write_bytes(b"junk"), "x.npy' cannot be read as an array"),
        (lambda folder: (folder / "x.safetensors").write_bytes(b"junk"), "holds `x` twice|cannot be read as an array"),
        (lambda folder: save_two(folder / "edge_weight.safetensors"), "must hold one tensor \\(got 2\\)"),
    ],
)  # fmt: skip
def test_mistakes_in_a_folder_are_one_clear_line(damage: Any, message: str, folder: Path) -> None:
    damage(folder)
    with pytest.raises(ValueError, match=message) as error:
        load(folder)
    assert "\n" not in str(error.value)


def test_an_array_can_be_left_out_and_edges_are_as_they_are(folder: Path) -> None:
    np.save(folder / "age.npy", np.ones(3))
    assert load(folder, ignore="age").graphs[0].num_nodes == N
    with pytest.raises(ValueError, match="has preprocessed edges; write it again"):
        load(folder, ignore="age", directed=False)


def test_missing_labels_are_written_as_minus_one(tmp_path: Path) -> None:
    y = torch.where(torch.arange(N) % 5 == 4, torch.nan, (torch.arange(N) % 3).float())
    parts = {name: value for name, value in graph().items() if "mask" not in name}
    dataset = load(write_folder(tmp_path / "graph", **{**parts, "y": y}))
    assert dataset.num_outputs == 3 and dataset.graphs[0].y[4::5].eq(-1).all()
    drawn = torch.cat(list(vars(dataset.splits[0]).values()))
    assert drawn.numel() == 48 and not (drawn % 5 == 4).any()


def test_a_class_number_beyond_all_nodes_takes_no_memory(folder: Path) -> None:
    for label in (2**29, 2**62):
        np.save(folder / "y.npy", np.where(np.arange(N) == 7, label, np.arange(N) % 3))
        with pytest.raises(ValueError, match=f"class numbers from 0 to 3, without gaps .got {label}."):
            load(folder)


@pytest.mark.parametrize("shape", ["(60, 99999999999)", "(-1, 4)", "(60, 3)", "(2**70,)", "(60, 4", "(True, 4)"])
def test_a_header_that_does_not_fit_its_file_is_refused(shape: str, folder: Path) -> None:
    data = (folder / "x.npy").read_bytes()
    header, content = data[:128], data[128:]
    (folder / "x.npy").write_bytes(header.replace(b"(60, 4)", shape.encode())[:127].ljust(127) + b"\n" + content)
    with pytest.raises(
        ValueError, match="x.npy' (is damaged: its header asks for|cannot be read as an array)"
    ) as error:
        load(folder)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "header",
    [
        b"[" * 100_000,
        b'{"x": {"dtype": "F32", "shape": [4294967296, 4294967296], "data_offsets": [0, 960]}}',
        b'{"x": {"dtype": "F32", "shape": [60, -4], "data_offsets": [0, 960]}}',
        b'{"x": {"dtype": "F32", "shape": [60, 4], "data_offsets": [1e99, 960]}}',
        b'{"x": {"shape": [60, 4]}}',
        b'{"x": 3}',
        b"[1]",
        b"\xff\xff",
    ],
)
def test_damaged_safetensors(header: bytes, folder: Path) -> None:
    (folder / "x.npy").unlink()
    (folder / "x.safetensors").write_bytes(len(header).to_bytes(8, "little") + header + bytes(960))
    with pytest.raises(ValueError, match=r"x\.safetensors' (is damaged|cannot be read as an array)") as error:
        load(folder)
    assert "\n" not in str(error.value)
