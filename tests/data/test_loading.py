from pathlib import Path

import pytest
import torch
from torch_geometric import EdgeIndex
from torch_geometric.transforms import Constant

from graphkit.data import list_datasets, load, options
from graphkit.data.dataset_info import check_options
from graphkit.registry import dataset_names
from graphkit.settings import Setting

NAMES = """cora citeseer pubmed cora-full cora-ml computers photo cs physics reddit ppi texas wisconsin cornell actor
    mutag ptc-mr proteins nci1 imdb-binary imdb-multi collab zinc tox21 esol freesolv lipo pcba muv hiv bace bbbp
    toxcast sider clintox ogbn-arxiv ogbn-products ogbg-molhiv karate factor-graphs pattern minesweeper"""
PROMISED = NAMES.split()


def test_every_promised_name_is_there() -> None:
    assert set(PROMISED) <= set(dataset_names())


@pytest.mark.parametrize("name", PROMISED)
def test_no_data_set_fails_in_any_other_way_than_for_missing_files(name: str) -> None:
    small = {"num_graphs": 20} if "num_graphs" in options(name) else {}
    try:
        dataset = load(name, **small)
    except (FileNotFoundError, ImportError) as error:
        assert "\n" not in str(error) and name in str(error)
    else:
        assert name in ("karate", "factor-graphs", "pattern") and len(dataset.graphs)


def test_an_unknown_name_gets_the_closest_one_offered() -> None:
    with pytest.raises(ValueError, match="unknown data set 'coar'; did you mean 'cora'"):
        load("coar")


def test_an_unknown_option_gets_the_closest_one_offered() -> None:
    with pytest.raises(ValueError, match="'num_graph'; did you mean 'num_graphs'"):
        load("pattern", num_graph=3)
    with pytest.raises(ValueError, match="'cora' has no options of its own"):
        load("cora", anything=1)


def test_an_option_of_another_type_is_one_clear_line() -> None:
    with pytest.raises(TypeError, match="`data.num_graphs` must be a whole number .got 'many'"):
        load("pattern", num_graphs="many")
    with pytest.raises(TypeError, match="`data.published` must be true or false .got 1"):
        load("pattern", published=1)
    with pytest.raises(TypeError, match="`data.directed` must be true, false or none, as in the data .got"):
        load("graph.npz", directed="no")


def test_options_come_with_their_defaults() -> None:
    assert options("factor-graphs") == {"num_graphs": 20000, "num_patterns": 4, "seed": 0}
    assert options("cora") == {}
    own = {"directed": None, "task": None, "target": "", "ignore": "", "impute": "none", "features": ""}
    assert options("some/graph.npz") == own


def test_the_root_must_be_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(FileNotFoundError, match="the root must be a folder"):
        load("cora", tmp_path / "nowhere")
    monkeypatch.setenv("GRAPHKIT_DATA", str(tmp_path / "nowhere"))
    with pytest.raises(FileNotFoundError, match="GRAPHKIT_DATA must be a folder"):
        list_datasets()


def test_a_path_that_does_not_exist(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="no file or folder"):
        load(tmp_path / "graph.npz")
    with pytest.raises(FileNotFoundError, match="no file or folder"):
        load("./cora")


def test_a_wrong_split_is_found_before_anything_is_read() -> None:
    with pytest.raises(ValueError, match="sums to 0.9"):
        load("no-such-data-set", split="0.5,0.2,0.2")


def test_karate_gets_a_stratified_split() -> None:
    dataset = load("karate", split_seed=1)
    assert [dataset.splits[0].train.numel(), dataset.splits[0].val.numel(), dataset.splits[0].test.numel()] == [
        20,
        7,
        7,
    ]
    data = dataset.graphs[0]
    assert isinstance(data.edge_index, EdgeIndex) and data.edge_index.is_sorted_by_col
    assert torch.bincount(data.y[dataset.splits[0].train]).min() >= 2


def test_few_labels_are_ten_draws_of_one_split() -> None:
    dataset = load("karate", labels_per_class=2, split_seed=1)
    full_split = load("karate", split_seed=1).splits[0]
    y = dataset.graphs[0].y
    assert len(dataset.splits) == 10
    for split in dataset.splits:
        assert torch.bincount(y[split.train]).tolist() == [2] * 4 and torch.equal(split.test, full_split.test)
    assert len({tuple(split.train.tolist()) for split in dataset.splits}) > 1
    with pytest.raises(ValueError, match="`labels_per_class` must be a whole number of at least 1 .got 0."):
        load("karate", labels_per_class=0)
    with pytest.raises(ValueError, match="for nodes of one class each .factor-graphs: multitask-graph-classification."):
        load("factor-graphs", num_graphs=10, labels_per_class=1)


def test_transforms_change_the_widths() -> None:
    plain = load("karate")
    wide = load("karate", transforms=["degree", {"return-probabilities": 3}, "self-loops", Constant()])
    assert wide.num_features == plain.num_features + 5
    assert wide.graphs[0].num_edges == plain.graphs[0].num_edges + 34
    many = load("factor-graphs", num_graphs=20, transforms=["degree"])
    assert many.num_features == many.graphs[3].x.size(1) == 16


def test_transforms_that_add_columns_refuse_categories() -> None:
    with pytest.raises(ValueError, match="integer categories"):
        load("pattern", num_graphs=20, transforms=["degree"])


def test_splits_and_names_follow_when_nodes_go(tmp_path: Path) -> None:
    (tmp_path / "edges.csv").write_text("source,target\na,b\nd,c\nb,d\ne,f\n")
    words = ["train", "val", "test", "train", "val", "test", "train"]
    rows = "".join(f"{node},{k % 2},{word},{k}\n" for k, (node, word) in enumerate(zip("cxbadef", words, strict=True)))
    (tmp_path / "nodes.csv").write_text("id,label,split,value\n" + rows)
    dataset = load(tmp_path, transforms=["largest-component"])
    assert dataset.node_names == ("c", "b", "a", "d")
    assert dataset.graphs[0].x.view(-1).tolist() == [0, 2, 3, 4]
    split = dataset.splits[0]
    assert (split.train.tolist(), split.val.tolist(), split.test.tolist()) == ([0, 2], [3], [1])


def test_the_catalog_loads_nothing(tmp_path: Path) -> None:
    raw = tmp_path / "TUDataset" / "MUTAG" / "raw"
    raw.mkdir(parents=True)
    for suffix in ("A", "graph_indicator", "graph_labels", "node_labels"):
        (raw / f"MUTAG_{suffix}.txt").write_text("no numbers")
    rows = {row.name: row for row in list_datasets(tmp_path)}
    assert list(rows) == sorted(rows) == dataset_names()
    assert rows["mutag"].available and rows["mutag"].task == "graph-classification"
    assert rows["mutag"].origin.startswith("https://")
    assert rows["factor-graphs"].available and rows["pattern"].available
    assert not rows["cora"].available


def test_whole_numbers_serve_where_text_or_other_numbers_are_asked_for() -> None:
    """``--set data.noise=2`` and ``--set data.val_subjects=8`` come as whole numbers out of YAML."""
    settings = {"text": Setting(str), "share": Setting(float), "count": Setting(int)}
    taken = check_options("some", settings, {"text": 8, "share": 2, "count": 3})
    assert taken == {"text": "8", "share": 2.0, "count": 3} and type(taken["share"]) is float
    with pytest.raises(TypeError, match=r"`data.share` must be a number \(got 'much'\)"):
        check_options("some", settings, {"share": "much"})
    with pytest.raises(TypeError, match="`data.count` must be a whole number"):
        check_options("some", settings, {"count": 1.5})


@pytest.mark.parametrize("given", [None, 5, b"cora", {"x": 1}])
def test_what_is_neither_a_name_nor_a_path_is_one_clear_line(given: object) -> None:
    with pytest.raises(TypeError, match="must be the name or path of a data set, or a torch_geometric Data, a list"):
        load(given)
