"""Features of the user in training and in predictions for new data."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pandas
import pytest
import torch
from torch_geometric.data import Data

import graphkit
from graphkit.data.user.encoder import Columns, FeatureEncoder
from graphkit.data.user.numbers import other_way

NAN = math.nan


def columns(**cells: list[str]) -> Columns:
    return Columns(tuple(cells), tuple(cells.values()), "'f'", lambda row, name: f"'f', line {row}, '{name}':")


def frames(nodes: pandas.DataFrame) -> tuple[pandas.DataFrame, pandas.DataFrame]:
    count = len(nodes)
    ring = pandas.DataFrame({"source": range(count), "target": [(k + 1) % count for k in range(count)]})
    return nodes.assign(id=range(count)), ring


def prepared(x: Any, transforms: Any) -> Data:
    """Returns a ring with given features, as :func:`graphkit.load` prepares it."""
    ids = torch.arange(len(x))
    data = Data(x=torch.tensor(x), edge_index=torch.stack([ids, (ids + 1) % len(x)]), y=ids % 2)
    return graphkit.load(data, split="0.4,0.3,0.3", transforms=transforms).graphs[0]


@pytest.mark.parametrize("model", ["gcn", "gat", "gin", "mlp", "spagan", "factorgcn"])
def test_predictions_for_new_tables_are_those_of_the_model_for_the_encoded_features(model: str, tmp_path: Path) -> None:
    training = pandas.DataFrame({"label": list("ab" * 15), "size": [1.0, 2.0, 3.0, None, 5.0] * 6})
    training["city"], training["new"] = ["Rome", "Bern", "Oslo"] * 10, [True, False] * 15
    run = graphkit.fit(model, frames(training), epochs=1, output=tmp_path / "run", set={"data.impute": "mean"})
    encoder = graphkit.load(frames(training), impute="mean").encoder
    assert encoder is not None and encoder.names == ("size", "city=Bern", "city=Oslo", "city=Rome", "new")
    new = pandas.DataFrame({"new": ["no", "yes", "no"], "city": ["Oslo", "Rome", "Oslo"], "size": [7.0, None, 0.5]})
    x = [[7, 0, 1, 0, 0], [encoder.fill[0], 0, 0, 1, 1], [0.5, 0, 1, 0, 0]]
    with torch.no_grad():
        expected = run.model(**run.model.inputs(prepared(x, run.config.data.transforms)))
    predicted = run.predict(frames(new))
    assert np.array_equal(np.asarray(predicted.probability), expected.softmax(dim=-1).numpy())


@pytest.mark.parametrize(
    ("words", "what"),
    [
        (["5 %", "7%"], "a percentage"),
        (["$5", "7.50 €"], "an amount of money"),
        (["2024-01-31", "2024-02-01T10:00"], "a date"),
        (["31.1.24", "1/2/2024 10:00"], "a date"),
        (["9:05", "10:15:30.5"], "a time"),
        (["1,234", "12"], "a number with thousands separators"),
        (["1'234.5", "1'000"], "a number with thousands separators"),
        (["0,5", "12"], "a number with a decimal comma"),
        (["[1, 2]", "[3]"], "a list"),
        (["3 kg", "4 kg"], "a number with the unit 'kg'"),
        (["\u22121.5", "\u20132"], "a number with another minus sign"),
        (["(0.5)", "(12)"], "a number in parentheses"),
        (["0x3", "0xFF"], "a hexadecimal number"),
        (["1st", "2nd"], None),
        (["10-19", "20-29"], None),
        (["3D", "2D", "flat"], None),
        (["a1", "b2"], None),
    ],
)
def test_numbers_in_other_ways(words: list[str], what: str | None) -> None:
    result = other_way(words)
    assert (result and result[0]) == what


def test_an_encoder_has_one_feature_per_word_and_keeps_gaps() -> None:
    table = columns(a=["1", "NaN", "2e3"], b=["x", "", "y"], c=["Yes", "no", "?"])
    encoder = FeatureEncoder.fit(table, impute="mean")
    assert encoder.names == ("a", "b=x", "b=y", "c") and encoder.width == 4
    x, notes = encoder.encode(table)
    expected = torch.tensor([[1, 1, 0, 1], [NAN, NAN, NAN, 0], [2000, 0, 1, NAN]])
    assert torch.equal(x.isnan(), expected.isnan()) and torch.equal(x.nan_to_num(), expected.nan_to_num()) and not notes
    with pytest.raises(ValueError, match=r"'f', line 1, 'a': must have a value .* --set data.ignore=a,b,c"):
        FeatureEncoder.fit(table).encode(table)
