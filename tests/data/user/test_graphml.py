from pathlib import Path

import networkx
import pytest
import torch

from graphkit.data import load


def example(directed: bool = False) -> networkx.Graph:
    graph = networkx.DiGraph() if directed else networkx.Graph()
    for name, label, split, size in (("a", "x", "train", 1), ("b", "y", "train", 2), ("c", "x", "val", 3),
                                     ("d", "y", "test", 4)):  # fmt: skip
        graph.add_node(name, label=label, split=split, size=size, share=size / 2)
    graph.add_edges_from([("a", "b"), ("b", "c"), ("c", "d")], weight=0.5)
    return graph


def save(folder: Path, graph: networkx.Graph) -> Path:
    networkx.write_graphml(graph, folder / "graph.graphml")
    return folder / "graph.graphml"


def test_a_graphml_file(tmp_path: Path) -> None:
    dataset = load(save(tmp_path, example()))
    data = dataset.graphs[0]
    assert data.x.tolist() == [[0.5, 1], [1, 2], [1.5, 3], [2, 4]]  # attributes in alphabetical order
    assert data.y.tolist() == [0, 1, 0, 1] and dataset.class_names == ("x", "y")
    assert dataset.node_names == ("a", "b", "c", "d")
    assert [ids.tolist() for ids in vars(dataset.splits[0]).values()] == [[0, 1], [2], [3]]
    assert data.num_edges == 6 and torch.equal(data.edge_weight, torch.full((6,), 0.5))


def test_the_file_says_whether_edges_have_a_direction(tmp_path: Path) -> None:
    path = save(tmp_path, example(directed=True))
    assert load(path).graphs[0].num_edges == 3
    assert load(path, directed=False).graphs[0].num_edges == 6


def change(**attributes: object) -> networkx.Graph:
    graph = example()
    graph.nodes["b"].update(attributes)
    return graph


@pytest.mark.parametrize(
    ("graph", "message"),
    [
        (change(size=float("nan")), "attribute 'size' of node 'b' must have a value .got 'nan'"),
        (change(remark="tall"), "attribute 'remark' of node 'a' must have a value .got none"),
        (change(split="dev"), "attribute 'split' of node 'b' must be train, val"),
        (networkx.path_graph(4), "no node has a label in the attribute 'label'"),
    ],
)
def test_bad_attributes_are_one_clear_line(tmp_path: Path, graph: networkx.Graph, message: str) -> None:
    with pytest.raises(ValueError, match=message) as error:
        load(save(tmp_path, graph))
    assert "\n" not in str(error.value)


def test_attributes_can_be_ignored_and_the_label_renamed(tmp_path: Path) -> None:
    graph = change(remark="tall")
    for _, row in graph.nodes(data=True):
        row["kind"] = row.pop("label")
    dataset = load(save(tmp_path, graph), target="kind", ignore="remark, share")
    assert dataset.num_features == 1 and dataset.num_outputs == 2


def test_damaged_files(tmp_path: Path) -> None:
    path = save(tmp_path, example())
    text = path.read_text()
    for damaged in (text[: len(text) // 2], "id,label\n", text.replace("</graphml>", "")):
        path.write_text(damaged)
        with pytest.raises(ValueError, match="cannot be read as GraphML"):
            load(path)


def test_some_edges_without_weight(tmp_path: Path) -> None:
    graph = example()
    del graph.edges["a", "b"]["weight"]
    with pytest.raises(ValueError, match="not every edge has a numeric attribute 'weight'"):
        load(save(tmp_path, graph))


def test_missing_labels_and_labels_that_are_no_classes(tmp_path: Path) -> None:
    graph = example()
    graph.add_node("e", label="NaN", size=1, share=1.0)
    graph.add_node("f", size=1, share=1.0)
    assert load(save(tmp_path, graph)).graphs[0].y.tolist() == [0, 1, 0, 1, -1, -1]
    with pytest.raises(ValueError, match="attribute 'label' of node 'b' must be a class, .*got '0.5'"):
        load(save(tmp_path, change(label="0.5")))


def test_edge_attributes_that_are_not_used_are_noted(tmp_path: Path) -> None:
    graph = example()
    assert load(save(tmp_path, graph)).notes == ()
    graph.edges["a", "b"]["kind"] = "friend"
    path = save(tmp_path, graph)
    assert load(path).notes == (f"'{path}': not used: `kind`",) and load(path, ignore="kind").notes == ()
    assert load(path, ignore="kind,aeg").notes == (f"'{path}': `data.ignore` has names that do not occur: `aeg`",)


def test_entities_are_refused(tmp_path: Path) -> None:
    path = save(tmp_path, example())
    levels = "".join(f'<!ENTITY e{k} "{f"&e{k - 1};" * 10 if k else "x" * 100}">' for k in range(10))
    head, tail = path.read_text().split("<graphml", 1)
    path.write_text(f"{head}<!DOCTYPE graphml [{levels}]><graphml{tail}".replace(">x<", ">&e9;<"))
    with pytest.raises(ValueError, match="defines XML entities"):
        load(path)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('attr.type="long"', 'attr.type="thing"'),
        ('attr.type="long"', ""),
        ('attr.name="size"', ""),
        (">3<", ">" + "9" * 5000 + "<"),
        (">3<", ">" + "9" * 400 + "<"),
        ('<node id="b">', "<node>"),
        ('target="c"', 'goal="c"'),
        ('edgedefault="undirected"', 'edgedefault="both"'),
        ("<graph ", "<hypergraph "),
    ],
)
def test_damaged_graphml_is_one_clear_line(tmp_path: Path, old: str, new: str) -> None:
    path = save(tmp_path, example())
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    try:
        load(path)
    except ValueError as error:
        assert type(error).__name__ == "InputError" and "\n" not in str(error) and len(str(error)) < 500


@pytest.mark.parametrize("suffix", ["gexf", "gml"])
def test_gexf_and_gml_are_read_as_graphml(tmp_path: Path, suffix: str) -> None:
    graph = example()
    for _, row in graph.nodes(data=True):
        row["kind"] = row.pop("label")
        row["y"] = row["size"] * 0.3
    path = tmp_path / f"graph.{suffix}"
    getattr(networkx, f"write_{suffix}")(graph, path)
    dataset = load(path, target="kind", ignore="y")
    expected = load(save(tmp_path, graph), target="kind", ignore="y")
    assert torch.equal(dataset.graphs[0].x, expected.graphs[0].x) and dataset.node_names == expected.node_names
    assert torch.equal(dataset.graphs[0].y, expected.graphs[0].y) and dataset.class_names == ("x", "y")
    assert torch.equal(dataset.graphs[0].edge_weight, expected.graphs[0].edge_weight) and dataset.notes == ()
    assert load(path, ignore="kind").task == "node-regression"  # the names of the nodes, in `label`, are no target


def test_gml_as_others_write_it(tmp_path: Path) -> None:
    (tmp_path / "g.gml").write_text(
        'Creator "someone"\ngraph\n[\n  directed 1\n'
        + "".join(
            f'  node\n  [\n    id {k}\n    label "{"ab"[k % 2]}"\n    value {k}\n'
            f"    graphics\n    [\n      x {k}\n    ]\n  ]\n"
            for k in range(6)
        )
        + "".join(f"  edge\n  [\n    source {k}\n    target {(k + 1) % 6}\n  ]\n" for k in (0, 0, 1, 2, 3, 4, 5))
        + "]\n",
        encoding="utf-8",
    )
    dataset = load(tmp_path / "g.gml")  # labels that are not unique are no names, and parallel edges are merged
    assert dataset.class_names == ("a", "b") and dataset.node_names == tuple("012345") and dataset.num_features == 1
    assert dataset.graphs[0].num_edges == 6 and dataset.notes == (f"'{tmp_path / 'g.gml'}': not used: `graphics`",)


@pytest.mark.parametrize("suffix", ["gexf", "gml"])
def test_damaged_and_hostile_files_of_networkx(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"graph.{suffix}"
    getattr(networkx, f"write_{suffix}")(example(), path)
    text = path.read_text()
    for damaged in (text[: len(text) // 2], "id,label\n", "graph [ " + "a [ " * 100_000, ""):
        path.write_text(damaged)
        with pytest.raises(ValueError, match=f"cannot be read as {suffix.upper()}|is empty") as error:
            load(path)
        assert "\n" not in str(error.value)
    if suffix == "gexf":
        path.write_text(text.replace("<gexf", '<!DOCTYPE g [<!ENTITY a "b">]><gexf'))
        with pytest.raises(ValueError, match="defines XML entities"):
            load(path)
