"""New graphs in the form of the training data."""

from pathlib import Path
from typing import Any

import networkx
import pytest
import torch
from torch_geometric.data import Data

from graphkit.data import load, load_like, write_folder
from graphkit.data.data_settings import data_settings_class
from graphkit.errors import InputError

EDGES = torch.tensor([[0, 1, 1, 2], [1, 0, 2, 1]])
OWN = data_settings_class("karate").read({"name": "karate"})


def graphs(x: Any, count: int = 8, **attributes: Any) -> list[Data]:
    return [Data(x=torch.tensor(x), edge_index=EDGES, y=torch.tensor([k % 2]), **attributes) for k in range(count)]


def test_one_integer_column_is_the_categories_of_the_training_data() -> None:
    plain = load(graphs([[0.0], [2.0], [1.0]]))
    trained = plain.replace(num_categories=3, encoder=None)
    new = load_like(graphs([[2.0], [0.0], [2.0]], 2), trained, OWN)
    assert new.num_categories == 3 and new.graphs[1].x.tolist() == [2, 0, 2] and new.graphs[1].x.dtype == torch.long
    one = load_like(graphs([[2.0], [0.0], [2.0]], 1), trained, OWN)
    assert one.graphs[0].x.tolist() == [2, 0, 2] and len(one.graphs) == 1
    for x, got in (([[3.0]] * 3, "values from 3 to 3"), ([[0.5]] * 3, "values from 0.5"), ([[0.0, 1.0]] * 3, "2 feat")):
        with pytest.raises(
            InputError, match=f"one feature with categories from 0 to 2, as in the training .* got {got}"
        ):
            load_like(graphs(x), trained, OWN)
    categories = graphs([[0.0], [2.0], [1.0]])
    with pytest.raises(InputError, match="expected numbers as features, as in training, got categories below 3; give"):
        from graphkit.data.new_data import _check_widths

        _check_widths(load_like(categories, trained, OWN), plain)


def test_a_table_of_molecules_is_refused_by_a_model_of_graphs(tmp_path: Path) -> None:
    (tmp_path / "table.csv").write_text("a,b\n1,2\n")
    with pytest.raises(InputError, match="read as a table of molecules, and .* karate have graphs; give graphs, such"):
        load_like(tmp_path / "table.csv", load("karate"), OWN)


def test_edge_features_have_the_width_of_the_training_data() -> None:
    trained = load(graphs([[0.0], [2.0], [1.0]], edge_attr=torch.ones(4, 2)))
    assert load_like(graphs([[0.0], [2.0], [1.0]], 3), trained, OWN).graphs[0].get("edge_attr") is None
    with pytest.raises(InputError, match="expected 2 edge features, as in the training data, got 3; give the same"):
        load_like(graphs([[0.0], [2.0], [1.0]], 3, edge_attr=torch.ones(4, 3)), trained, OWN)


def test_options_and_transforms_are_those_of_the_training_data(tmp_path: Path) -> None:
    def tables(name: str, rows: str) -> Path:
        (tmp_path / name).mkdir()
        (tmp_path / name / "nodes.csv").write_text(rows)
        (tmp_path / name / "edges.csv").write_text("source,target\na,b\nb,c\n")
        return tmp_path / name

    rows = "id,age,city,kind,note\na,1,Rome,x,1\nb,2,Oslo,y,2\nc,3,Rome,x,3\nd,4,Oslo,y,4\ne,5,Rome,x,5\n"
    path = tables("train", rows)
    given = {"name": str(path), "target": "kind", "ignore": "note", "directed": True, "transforms": ["degree"]}
    settings = data_settings_class(str(path)).read({**given, "split": "0.4,0.4,0.2"})
    trained = settings.load(0)
    new = load_like(tables("new", "id,city,age\nc,Oslo,7\na,Rome,8\nb,Rome,9\n"), trained, settings)
    assert new.node_names == ("c", "a", "b") and new.class_names == ("x", "y") and new.splits == ()
    assert new.graphs[0].y.tolist() == [-1, -1, -1] and new.num_features == trained.num_features
    age, columns = new.graphs[0].x[:, 0].tolist(), new.graphs[0].x[:, 1:3].tolist()
    assert age == [7, 8, 9] and columns == [[1, 0], [0, 1], [0, 1]]
    assert new.graphs[0].edge_index.as_tensor().tolist() == [[2, 1], [0, 2]]  # directed, sorted by target
    with pytest.raises(InputError, match="Paris"):
        load_like(tables("other", "id,age,city\na,1,Paris\nb,2,Rome\nc,3,Rome\n"), trained, settings)
    with pytest.raises(InputError, match="has no column 'age', which is a feature of the training data; add it"):
        load_like(tables("narrow", "id,city\na,Rome\nb,Rome\nc,Rome\n"), trained, settings)


def test_missing_features_get_the_mean_of_the_training_nodes(tmp_path: Path) -> None:
    x = torch.arange(20.0).view(10, 2)
    x[3, 1] = torch.nan
    torch.save(Data(x=x, edge_index=EDGES, y=torch.arange(10) % 2), tmp_path / "train.pt")
    name = str(tmp_path / "train.pt")
    settings = data_settings_class(name).read({"name": name, "impute": "mean", "split": "0.6,0.2,0.2"})
    trained = settings.load(0)
    ids = trained.splits[0].train
    new = load_like(Data(x=torch.tensor([[1.0, torch.nan], [2.0, 3.0]]), edge_index=EDGES[:, :2]), trained, settings)
    assert float(new.graphs[0].x[0, 1]) == pytest.approx(float(x[ids, 1].nanmean()))


@pytest.mark.parametrize("directed", [False, True])
def test_edges_have_the_direction_of_the_training_data(directed: bool, tmp_path: Path) -> None:
    kind = networkx.DiGraph if directed else networkx.Graph
    graph = kind([(k, (k + 1) % 10) for k in range(10)])
    for node, row in graph.nodes(data=True):
        row.update(age=float(node), label="ab"[node % 2])
    trained = load(graph)
    one_way = torch.tensor([[0, 1], [1, 2]])
    new = Data(x=torch.ones(3, 1), edge_index=one_way)
    other = networkx.DiGraph([("a", "b"), ("b", "c")])
    networkx.set_node_attributes(other, 1.0, "age")
    networkx.write_graphml(other, tmp_path / "new.graphml")
    for form in (new, other, tmp_path / "new.graphml"):
        edge_index = load_like(form, trained, OWN).graphs[0].edge_index.as_tensor()
        assert sorted(edge_index.t().tolist()) == sorted((one_way if directed else EDGES).t().tolist())
    arrays = {"x": new.x.numpy(), "edge_index": one_way.numpy(), "y": torch.arange(3).numpy() % 2}
    write_folder(tmp_path / "arrays", **arrays, directed=directed)
    assert load_like(tmp_path / "arrays", trained, OWN).graphs[0].num_edges == (2 if directed else 4)
