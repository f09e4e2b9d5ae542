from pathlib import Path

import pytest
import torch

from graphkit.data import load

EDGES = "source,target\nann,bob\nbob,cid\ncid,dan\ndan,ann\n"
NODES = """id,label,split,age,height
ann,cat,train,1,0.5
bob,dog,train,2,1.5
cid,cat,val,3,2.5
dan,dog,test,4,3.5
"""


def write(folder: Path, edges: str = EDGES, nodes: str = NODES) -> Path:
    (folder / "edges.csv").write_text(edges)
    (folder / "nodes.csv").write_text(nodes)
    return folder


def edges_of(dataset) -> list[tuple[int, int]]:
    return sorted(map(tuple, dataset.graphs[0].edge_index.as_subclass(torch.Tensor).t().tolist()))


def test_a_folder_of_two_tables(tmp_path: Path) -> None:
    dataset = load(write(tmp_path))
    data = dataset.graphs[0]
    assert data.x.tolist() == [[1, 0.5], [2, 1.5], [3, 2.5], [4, 3.5]]
    assert data.y.tolist() == [0, 1, 0, 1]
    assert dataset.class_names == ("cat", "dog") and dataset.node_names == ("ann", "bob", "cid", "dan")
    assert [ids.tolist() for ids in vars(dataset.splits[0]).values()] == [[0, 1], [2], [3]]
    assert (dataset.task, dataset.num_features, dataset.num_outputs) == ("node-classification", 2, 2)
    assert edges_of(dataset) == sorted([(0, 1), (1, 0), (1, 2), (2, 1), (2, 3), (3, 2), (3, 0), (0, 3)])
    assert load(tmp_path / "nodes.csv").num_features == load(str(tmp_path / "edges.csv")).num_features == 2


def test_directed_edges_stay_as_they_are(tmp_path: Path) -> None:
    assert edges_of(load(write(tmp_path), directed=True)) == [(0, 1), (1, 2), (2, 3), (3, 0)]


def test_weights_follow_their_edges_and_parallel_ones_are_added(tmp_path: Path) -> None:
    edges = "source,target,weight\nann,bob,2\nbob,ann,5\nbob,cid,1\nbob,cid,3\ncid,dan,7\n"
    data = load(write(tmp_path, edges)).graphs[0]
    pairs = map(tuple, data.edge_index.as_subclass(torch.Tensor).t().tolist())
    weight = dict(zip(pairs, data.edge_weight.tolist(), strict=True))
    assert weight == {(0, 1): 2, (1, 0): 5, (1, 2): 4, (2, 1): 4, (2, 3): 7, (3, 2): 7}


def test_whole_numbers_as_labels_keep_their_order(tmp_path: Path) -> None:
    nodes = NODES.replace("cat", "10").replace("dog", "9")
    dataset = load(write(tmp_path, nodes=nodes))
    assert dataset.class_names == ("9", "10") and dataset.graphs[0].y.tolist() == [1, 0, 1, 0]


def test_nodes_without_a_label_are_never_drawn(tmp_path: Path) -> None:
    rows = "".join(f"n{k},{'ab'[k % 2] if k < 20 else ''},{k}\n" for k in range(30))
    write(tmp_path, "source,target\nn0,n1\n", "id,label,value\n" + rows)
    dataset = load(tmp_path)
    split = dataset.splits[0]
    assert torch.cat([split.train, split.val, split.test]).sort().values.tolist() == list(range(20))
    assert dataset.graphs[0].y[20:].tolist() == [-1] * 10


def test_structural_features_are_a_one_and_the_degree(tmp_path: Path) -> None:
    nodes = "id,label,split\nann,cat,train\nbob,dog,train\ncid,cat,val\ndan,dog,test\neve,,\n"
    x = load(write(tmp_path, nodes=nodes), features="structural").graphs[0].x
    assert torch.equal(x[:, 0], torch.ones(5))
    assert torch.allclose(x[:, 1], torch.log1p(torch.tensor([2.0, 2, 2, 2, 0])))


def test_several_labels_per_node(tmp_path: Path) -> None:
    nodes = "id,label:red,label:big,split,value\nann,1,0,train,1\nbob,0,1,train,2\ncid,1,1,val,3\ndan,0,,test,4\n"
    dataset = load(write(tmp_path, nodes=nodes))
    assert (dataset.task, dataset.metric) == ("multilabel-node-classification", "micro-f1")
    assert dataset.class_names == ("red", "big") and dataset.num_features == 1
    assert dataset.graphs[0].y[:3].tolist() == [[1, 0], [0, 1], [1, 1]]
    assert bool(dataset.graphs[0].y[3, 1].isnan())


def test_a_label_column_of_another_name_and_columns_to_ignore(tmp_path: Path) -> None:
    nodes = NODES.replace("label", "kind").replace("height", "remark").replace("3.5", "tall")
    dataset = load(write(tmp_path, nodes=nodes), target="kind", ignore="remark")
    assert dataset.notes == ()
    noted = load(tmp_path, target="kind", ignore="remark,Remark,wieght")
    assert noted.notes == (f"'{tmp_path}': `data.ignore` has names that do not occur: `Remark`, `wieght`",)
    assert dataset.num_features == 1 and dataset.class_names == ("cat", "dog")


def test_a_split_on_request_replaces_even_a_useless_one(tmp_path: Path) -> None:
    nodes = "id,label,split\n" + "".join(f"n{k},{k % 2},test\n" for k in range(20))
    write(tmp_path, "source,target\nn0,n1\n", nodes)
    with pytest.raises(ValueError, match="no training node"):
        load(tmp_path, features="structural")
    assert load(tmp_path, split="0.6,0.2,0.2", features="structural").splits[0].train.numel() == 12


BAD_NODES = {
    "missing column id": (NODES.replace("id,", "name,", 1), "nodes.csv' has no column 'id'"),
    "missing column label": (NODES.replace("label", "kind", 1), "nodes.csv' has no column 'label'"),
    "text in a feature": (NODES.replace("2.5", "tall"), "line 4, column 'height': must be a number .got 'tall'"),
    "NaN feature": (NODES.replace("2.5", "nan"), "line 4, column 'height': must have a value .got 'nan'"),
    "empty feature": (NODES.replace("2.5", ""), "line 4, column 'height': must have a value .got none"),
    "duplicate id": (NODES.replace("cid", "ann"), "line 4: the id 'ann' is already in line 2"),
    "empty id": (NODES.replace("cid", ""), "line 4, column 'id': must not be empty"),
    "short row": (NODES.replace(",2.5", ""), "line 4: 5 cells expected"),
    "unknown split": (NODES.replace("val", "dev"), "line 4, column 'split': must be train, val, test or empty"),
    "no training node": (NODES.replace("train", "test"), "no training node"),
    "no validation node": (NODES.replace("val", "test"), "no validation node"),
    "node without label in the split": (NODES.replace("cid,cat", "cid,"), "'cid' is in the val part but has no label"),
    "one class": (NODES.replace("dog", "cat"), "must be two classes"),
    "weights too large": (NODES.replace("2.5", "-1e39"), "line 4, column 'height': must be a finite number"),
    "empty": ("", "is empty"),
    "only a header": ("id,label\n", "has no node"),
    "two delimiters": ("id;label,a\tb\n" + NODES, "line 2: 2 cells expected"),
    "same column twice": (NODES.replace("height", "age"), "two columns called 'age'"),
    "quotes that do not close": (NODES.replace("cid", '"cid'), "line 4: cannot be read as comma-separated"),
}
BAD_EDGES = {
    "missing column": (EDGES.replace("target", "end"), "edges.csv' has no column 'target' .found: source, end"),
    "node that does not exist": (
        EDGES.replace("cid,dan", "cid,eve"),
        "line 4, column 'target': there is no node 'eve'",
    ),
    "empty id": (EDGES.replace("cid,dan", ",dan"), "line 4, column 'source': must not be empty; give the id of a node"),
    "unknown column": ("source,target,wieght\nann,bob,1\n", "unknown column 'wieght'; did you mean 'weight'"),
    "text as weight": ("source,target,weight\nann,bob,x\n", "line 2, column 'weight': must be a number"),
    "empty": ("", "edges.csv' is empty"),
}


@pytest.mark.parametrize("case", BAD_NODES)
def test_bad_nodes_are_one_clear_line(tmp_path: Path, case: str) -> None:
    text, message = BAD_NODES[case]
    with pytest.raises(ValueError, match=message) as error:
        load(write(tmp_path, nodes=text))
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("case", BAD_EDGES)
def test_bad_edges_are_one_clear_line(tmp_path: Path, case: str) -> None:
    text, message = BAD_EDGES[case]
    with pytest.raises(ValueError, match=message) as error:
        load(write(tmp_path, edges=text))
    assert "\n" not in str(error.value)


def test_a_folder_without_its_tables(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="no 'edges.csv'"):
        load(tmp_path)
    (tmp_path / "edges.csv").write_text(EDGES)
    with pytest.raises(FileNotFoundError, match="no 'nodes.csv'"):
        load(tmp_path)


def test_ids_as_labels_are_noticed(tmp_path: Path) -> None:
    nodes = "id,label\n" + "".join(f"n{k},name of {k}\n" for k in range(12))
    with pytest.raises(ValueError, match="has a different class"):
        load(write(tmp_path, "source,target\nn0,n1\n", nodes))


def test_a_byte_order_mark_and_windows_line_ends_do_no_harm(tmp_path: Path) -> None:
    write(tmp_path)
    (tmp_path / "nodes.csv").write_bytes(b"\xef\xbb\xbf" + NODES.replace("\n", "\r\n").encode())
    assert load(tmp_path).node_names[0] == "ann"


@pytest.mark.parametrize("word", ["", "nan", "NA", "None", "null", "?", "-1"])
def test_words_for_a_missing_label_make_no_class(tmp_path: Path, word: str) -> None:
    dataset = load(write(tmp_path, nodes=NODES + f"eve,{word},,5,4.5\n"))
    assert dataset.class_names == ("cat", "dog") and dataset.graphs[0].y.tolist() == [0, 1, 0, 1, -1]
    several = "id,label:a,label:b,split\nann,1,0,train\nbob,0,1,train\ncid,1,1,val\n" + f"dan,0,{word},test\n"
    assert load(write(tmp_path, nodes=several), features="structural").graphs[0].y[3].isnan().tolist() == [False, True]


def test_whole_numbers_with_a_point_are_classes_and_measurements_are_not(tmp_path: Path) -> None:
    dataset = load(write(tmp_path, nodes=NODES.replace("cat", "10.0").replace("dog", "9")))
    assert dataset.class_names == ("9", "10")
    with pytest.raises(ValueError, match=r"nodes.csv', line 4, column 'label': must be a class, .*\(got '0.25'\)"):
        load(write(tmp_path, nodes=NODES.replace("cid,cat", "cid,0.25")))


def test_a_hint_is_the_whole_option_with_all_names(tmp_path: Path) -> None:
    nodes = "".join(f"{line},{city},{code}\n" for line, city, code in zip(
        NODES.split(), ("city", "Rome", "Oslo", "Bern", "Kiel"), ("zip code", "1", "x", "x", "x"), strict=True
    ))  # fmt: skip
    write(tmp_path, nodes=nodes)
    with pytest.raises(
        ValueError, match="leave the column out: --set 'data.ignore=age,zip code', in Python ignore='age,zip code'"
    ):
        load(write(tmp_path, nodes=nodes.replace("1,0.5", "one,0.5")))
    with pytest.raises(ValueError, match="--set 'data.ignore=city,zip code', in Python ignore='city,zip code'"):
        load(write(tmp_path, nodes=nodes), ignore="city")
    assert load(tmp_path, ignore="city,zip code").num_features == 2


@pytest.mark.parametrize("cell", ["1e39", "1e400", "x" * 100_000, "a\nb"])
def test_a_cell_that_is_shown_is_short_and_in_one_line(tmp_path: Path, cell: str) -> None:
    for nodes in (NODES.replace("2.5", f'"{cell}"'), NODES.replace("val", f'"{cell}"')):
        with pytest.raises(ValueError, match="line [45]") as error:
            load(write(tmp_path, nodes=nodes))
        assert "\n" not in str(error.value) and len(str(error.value)) < 500


def test_a_cell_longer_than_any_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="nodes.csv', line 4: cannot be read as comma-separated text .*field larger"):
        load(write(tmp_path, nodes=NODES.replace("cid", "c" * 200_000)))


def test_a_hint_with_many_names_stays_short(tmp_path: Path) -> None:
    edges = "source,target," + ",".join(f"c{k}" for k in range(5000)) + "\nann,bob" + ",1" * 5000 + "\n"
    with pytest.raises(ValueError, match=r"--set data.ignore=c0,... with the names of all 5000") as error:
        load(write(tmp_path, edges))
    assert len(str(error.value)) < 500
