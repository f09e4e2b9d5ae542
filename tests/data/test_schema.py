"""Schema of training data: what it keeps, and the data set in place of the training data."""

from pathlib import Path

import pytest
import torch
from torch_geometric.data import Data

from graphkit.data import GraphDataset, Split, load
from graphkit.data.schema import Schema
from graphkit.data.smiles import MoleculeEncoder
from graphkit.data.user.encoder import Column, FeatureEncoder
from graphkit.errors import InputError
from graphkit.training.fit_task import fit_task

ENCODER = FeatureEncoder(3, (Column("age", "number"), Column("city", "words", ("Paris", "Rome"))), fill=(1.5, 0.0, 1.0))


def example(task: str = "node-classification", directed: bool = False) -> GraphDataset:
    edges = torch.tensor([[0, 1, 2], [1, 2, 0]]) if directed else torch.tensor([[0, 1], [1, 0]])
    data = Data(x=torch.rand(4, 3), edge_index=edges, edge_attr=torch.rand(edges.size(1), 2))
    regression = task.endswith("regression")
    data.y = torch.tensor([[1.0, 5], [4, 5], [9, torch.nan], [50, 5]]) if regression else torch.tensor([0, 1, 1, 0])
    split = Split(torch.arange(3), torch.tensor([3]), torch.tensor([3]))
    return GraphDataset("mine", task, (data,), (split,), 3, 2, "mae" if regression else "accuracy", encoder=ENCODER)


@pytest.mark.parametrize("directed", [True, False])
def test_what_is_written_is_read(directed: bool, tmp_path: Path) -> None:
    data = example(directed=directed)
    schema = Schema.of(data, data.splits[0])
    schema.write(tmp_path / "schema.json")
    assert Schema.read(tmp_path / "schema.json") == schema
    assert schema.directed == directed and schema.edge_attr == 2 and not schema.edge_weight
    assert Schema.of(schema.dataset(), schema.dataset().splits[0]) == schema


def test_atoms_are_kept(tmp_path: Path) -> None:
    data = example().replace(encoder=MoleculeEncoder(((6, 8), (0, 1)), ((1, 12),), "ogb"))
    schema = Schema.of(data, data.splits[0])
    schema.write(tmp_path / "schema.json")
    assert Schema.read(tmp_path / "schema.json").dataset().encoder == data.encoder


def test_targets_have_the_same_statistics() -> None:
    data = example("node-regression")
    stand = Schema.of(data, data.splits[0]).dataset()
    output = torch.tensor([[0.5, 2.0]])
    expected, got = (fit_task(one, one.splits[0]).predict(output)[0] for one in (data, stand))
    torch.testing.assert_close(got, expected)


@pytest.mark.parametrize("name", ["karate", "factor-graphs", "sbm-multilabel"])
def test_named_data(name: str) -> None:
    data = load(name)
    schema = Schema.of(data, data.splits[0])
    stand = schema.dataset()
    for key in ("task", "num_features", "num_outputs", "num_categories", "metric", "is_single_graph", "level"):
        assert getattr(stand, key) == getattr(data, key), key
    assert Schema.of(stand, stand.splits[0]) == schema


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('{"format": 2}', "has format 2, and this graphkit reads 1; install a newer graphkit"),
        ("{}", "`name`: Field required"),
        ('{"name": 3}', "`name`"),
        ("nonsense", "schema.json"),
        ("[]", "schema.json"),
    ],
)
def test_damaged_files_are_one_line(content: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "schema.json").write_text(content)
    with pytest.raises(InputError, match=message) as error:
        Schema.read(tmp_path / "schema.json")
    assert "\n" not in str(error.value)
