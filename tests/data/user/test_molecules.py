"""Own molecules: a table of SMILES strings to a data set, a run and predictions."""

import csv
import importlib.util
from pathlib import Path

import pytest
import torch

import graphkit
from graphkit.data import GraphDataset, load
from graphkit.data.dataset import Rejected
from graphkit.data.smiles import MAX_SMILES, MoleculeEncoder, parse_smiles, scaffolds
from graphkit.data.user import load_own
from graphkit.errors import InputError
from graphkit.report.collect import factor_view
from graphkit.training.fit_task import fit_task
from graphkit.training.interrupt import Interrupted
from tests.experiments.test_run import StopAt
from tests.fitting import fit, resume

pytestmark = pytest.mark.skipif(importlib.util.find_spec("rdkit") is None, reason="needs rdkit")

RINGS = ("c1ccccc1", "c1ccncc1", "C1CCCCC1", "c1ccc2ccccc2c1", "C1CCNCC1", "c1ccoc1")
SMILES = [f"{'C' * length}{ring}" for ring in RINGS for length in range(1, 5)]


def write(path: Path, columns: dict[str, list], delimiter: str = ",") -> Path:
    with open(path, "w", newline="") as file:
        writer = csv.writer(file, delimiter=delimiter)
        writer.writerow(columns)
        writer.writerows(zip(*columns.values(), strict=True))
    return path


def table(path: Path, **columns: list) -> Path:
    """Writes a table of 24 molecules with the target ``logS``."""
    return write(path, {"smiles": SMILES, "logS": [f"{len(text) / 8:.3f}" for text in SMILES], **columns})


def same_graph(dataset: GraphDataset, index: int, other: GraphDataset, number: int) -> bool:
    first, second = dataset.graphs[index], other.graphs[number]
    return all(torch.equal(first[name], second[name]) for name in ("x", "edge_index", "edge_attr"))


def test_a_molecule_is_a_graph_of_atom_properties_and_bonds(tmp_path: Path) -> None:
    path = write(tmp_path / "m.csv", {"smiles": ["CO", "C=C", "C", "N"], "label": list("abab")})
    dataset = load(path, split="0.5,0.25,0.25")
    assert (dataset.task, dataset.metric, dataset.class_names) == ("graph-classification", "accuracy", ("a", "b"))
    assert dataset.smiles == ("CO", "C=C", "C", "N") and dataset.graph_names == ("0", "1", "2", "3")
    assert dataset.encoder.values[0] == (6, 7, 8)
    assert dataset.graphs[0].x[:, :3].tolist() == [[1, 0, 0], [0, 0, 1]]
    assert bool((dataset.graphs.node["x"].sum(dim=1) == 9).all())  # one value of each of the nine properties
    assert dataset.graphs[0].edge_index.tolist() == [[1, 0], [0, 1]]
    assert dataset.encoder.bonds == ((1, 2), (0,), (0,))  # single and double bonds without stereo and conjugation
    single, double = [1.0, 0.0, 1.0, 1.0], [0.0, 1.0, 1.0, 1.0]
    assert [data.edge_attr.tolist() for data in dataset.graphs] == [[single] * 2, [double] * 2, [], []]
    assert dataset.num_edge_features == 4 and dataset.graphs[2].edge_attr.shape == (0, 4)


def test_features_are_those_of_the_named_data_sets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRAPHKIT_CACHE", str(tmp_path / "cache"))
    raw = tmp_path / "MoleculeNet" / "freesolv" / "raw"
    raw.mkdir(parents=True)
    columns = {"iupac": [f"m{i}" for i in range(24)], "smiles": SMILES, "expt": range(24), "calc": range(24)}
    columns["smiles"] = [*SMILES[:3], "nonsense", *SMILES[4:]]
    own = load(write(raw / "SAMPL.csv", columns), target="expt", id="iupac", task="regression", split="scaffold")
    named = load("freesolv", tmp_path, split="scaffold")
    assert len(own.graphs) == len(named.graphs) == 23
    assert all(same_graph(own, index, named, index) for index in range(23))
    assert torch.equal(own.graphs.graph["y"], named.graphs.graph["y"])
    assert own.class_names == named.class_names == ("expt",)
    assert own.rejected == (Rejected("m3", "nonsense", "not a valid SMILES string", 3, 5),)
    assert named.rejected == (Rejected("3", "nonsense", "not a valid SMILES string", 3, 5),)
    assert named.graph_names == tuple(str(row) for row in range(24) if row != 3)
    for first, second in zip(own.splits, named.splits, strict=True):
        assert torch.equal(first.train, second.train) and torch.equal(first.test, second.test)


@pytest.mark.parametrize(
    ("smiles", "reason"),
    [
        ("", "empty"),
        ("CC(", "not a valid SMILES string"),
        ("C" * (MAX_SMILES + 1), "longer than 5000 characters"),
        ("C[N+](C)(C)(C)C", "not a valid SMILES string"),
        ("[C+9]", "an atom or bond outside of the supported values"),
    ],
)
def test_a_row_without_a_molecule_has_a_reason(smiles: str, reason: str, capfd: pytest.CaptureFixture[str]) -> None:
    assert parse_smiles(smiles) == reason
    assert capfd.readouterr() == ("", "")


def test_rejected_rows_are_listed_and_the_others_keep_their_numbers(tmp_path: Path) -> None:
    smiles = [*SMILES[:5], "=bad", "", *SMILES[5:]]
    path = write(tmp_path / "m.csv", {"smiles": smiles, "y": [f"{i}.5" for i in range(26)]})
    dataset = load(path)
    assert [(row.id, row.row, row.line, row.reason) for row in dataset.rejected] == [
        ("5", 5, 7, "not a valid SMILES string"),
        ("6", 6, 8, "empty"),
    ]
    assert dataset.graph_names == tuple(str(row) for row in range(26) if row not in (5, 6))
    assert dataset.graphs.graph["y"][:, 0].tolist() == [i + 0.5 for i in range(26) if i not in (5, 6)]
    (note,) = [note for note in dataset.notes if "left out" in note]
    assert "2 of 26 rows have no molecule and are left out (line 7, 8; '=bad': not a valid SMILES" in note
    run = graphkit.fit("gin", path, epochs=1, set={"model.hidden_channels": 4}, output=tmp_path / "run")
    rows = list(csv.reader((run.path / "rejected.csv").read_text().splitlines()))
    assert rows == [
        ["id", "line", "smiles", "reason"],
        ["5", "7", "'=bad", "not a valid SMILES string"],
        ["6", "8", "", "empty"],
    ]


def test_empty_rows_keep_the_numbers_of_the_others(tmp_path: Path) -> None:
    path = tmp_path / "m.csv"
    path.write_text("smiles,label\nCCO,a\n,\nCCC,b\n\nCCN,a\nCC,b\n,\n,\n")
    dataset = load(path, split="0.5,0.25,0.25")
    assert dataset.graph_names == ("0", "2", "3", "4") and [row.row for row in dataset.rejected] == [1]


def test_targets_may_have_gaps(tmp_path: Path) -> None:
    other = ["" if i % 4 else str(i) for i in range(24)]
    dataset = load(table(tmp_path / "m.csv", logP=other, none=[""] * 24), target="logS, logP")
    y = dataset.graphs.graph["y"]
    assert (dataset.task, dataset.class_names, dataset.metric) == ("graph-regression", ("logS", "logP"), "mae")
    assert y[:, 0].isnan().sum() == 0 and (~y[:, 1].isnan()).nonzero().view(-1).tolist() == [0, 4, 8, 12, 16, 20]
    assert any("not used: `none`" in note for note in dataset.notes)
    alone = load(tmp_path / "m.csv", target="logP", task="regression", split="scaffold:0.5,0.25,0.25")
    drawn = torch.cat([alone.splits[0].train, alone.splits[0].val, alone.splits[0].test])
    assert sorted(drawn.tolist()) == [0, 4, 8, 12, 16, 20]  # molecules without a target are in no part


def test_several_binary_targets_are_a_multitask_classification(tmp_path: Path) -> None:
    path = table(tmp_path / "m.csv", a=["0", "1", ""] * 8, b=["1", "0", "0", "NA"] * 6)
    dataset = load(path, target="a,b")
    assert (dataset.task, dataset.metric, dataset.class_names) == (
        "multitask-graph-classification",
        "roc-auc",
        ("a", "b"),
    )
    assert dataset.graphs.graph["y"][:3, 0].nan_to_num(-1).tolist() == [0, 1, -1]


def test_ids_are_those_of_a_column_or_the_numbers_of_the_rows(tmp_path: Path) -> None:
    names = [f"m{i}" for i in range(24)]
    twice = [*names[:23], "m0"]
    assert load(table(tmp_path / "a.csv", key=names), target="logS", id="key").graph_names == tuple(names)
    assert load(table(tmp_path / "b.csv", Compound_ID=names), target="logS").graph_names == tuple(names)
    dataset = load(table(tmp_path / "c.csv", name=twice), target="logS")
    assert dataset.graph_names == tuple(map(str, range(24)))
    assert any("the ids are the numbers of the rows, since `name` is not unique" in note for note in dataset.notes)


def test_the_column_of_smiles_is_found_or_named(tmp_path: Path) -> None:
    columns = {"Canonical SMILES": SMILES, "other": SMILES[::-1], "label": ["a", "b"] * 12}
    path = write(tmp_path / "m.tsv", columns, "\t")
    dataset = load(path)
    assert dataset.smiles == tuple(SMILES)
    assert "the SMILES strings are in the column `Canonical SMILES`" in dataset.notes[0]
    assert load(path, smiles="other").smiles == tuple(SMILES[::-1])


def test_a_split_column_counts_unless_another_is_drawn(tmp_path: Path) -> None:
    words = ["train"] * 16 + ["valid"] * 4 + ["Test"] * 4
    path = table(tmp_path / "m.csv", split=words)
    (split,) = load(path, target="logS").splits
    assert (split.train.tolist(), split.val.tolist()) == (list(range(16)), [16, 17, 18, 19])
    assert len(load(path, target="logS", split="scaffold:0.6,0.2,0.2").splits) == 10
    path = table(tmp_path / "n.csv")
    assert len(load(path, target="logS").splits) == 10  # random 80/10/10 %, one for each seed


def test_the_scaffold_split_keeps_ring_systems_together(tmp_path: Path) -> None:
    assert scaffolds(["CCc1ccccc1", "OCc1ccccc1", "CCO", "N[C@@H](C)C(=O)O"]) == ["c1ccccc1", "c1ccccc1", "", ""]
    dataset = load(table(tmp_path / "m.csv"), target="logS", split="scaffold:0.5,0.25,0.25")
    tests = set()
    for split in dataset.splits:
        groups = [{index // 4 for index in ids.tolist()} for ids in (split.train, split.val, split.test)]
        assert not groups[0] & groups[1] and not groups[0] & groups[2] and not groups[1] & groups[2]
        tests.add(tuple(split.test.tolist()))
    assert len(tests) > 1


def test_each_seed_has_its_split(tmp_path: Path) -> None:
    path = table(tmp_path / "m.csv")
    settings = {"model.hidden_channels": 4, "train.batch_size": 8}
    run = graphkit.fit(
        "gin", path, target="logS", split="random", epochs=1, seeds=3, set=settings, output=tmp_path / "r"
    )
    splits = [tuple(fit.split.test.tolist()) for fit in run.fits]
    assert len({*splits}) == 3 and [fit.config.data.fold for fit in run.fits] == [0, 1, 2]


def test_a_split_is_that_of_the_seed_in_any_run(tmp_path: Path) -> None:
    path = table(tmp_path / "m.csv")
    options = {"target": "logS", "split": "random", "epochs": 1, "set": {"model.hidden_channels": 4}}
    several = graphkit.fit("gin", path, seed=1, seeds=2, output=tmp_path / "several", **options)
    one = graphkit.fit("mlp", path, seed=2, output=tmp_path / "one", **options)
    expected = load(path, target="logS", split="random").splits
    for fit_, seed in (*zip(several.fits, (1, 2), strict=True), (one, 2), (graphkit.open_run(one.path), 2)):
        assert fit_.config.seed == seed and torch.equal(fit_.split.test, expected[seed].test)


BAD = {
    "smiles column": ({"smiles": "smile"}, "unknown column 'smile'; did you mean 'smiles'"),
    "target": ({"target": "logs"}, "unknown column 'logs'; did you mean 'logS'"),
    "id": ({"target": "logS", "id": "nme"}, "unknown column 'nme'; did you mean 'name'"),
    "no target": ({}, r"has no column 'label' .found: logS, name, word.; name the targets: --target A,B"),
    "a text as number": ({"target": "word", "task": "regression"}, "line 2, column 'word': must be a finite number"),
    "names as classes": ({"target": "name"}, "each of the 24 labeled graphs has a different class"),
    "wrong smiles": ({"smiles": "name", "target": "logS"}, r"24 of 24 rows .* is `name` the column with the SMILES"),
    "task": ({"target": "logS", "task": "node-regression"}, "which is not 'node-regression'"),
    "option": ({"target": "logS", "directed": True}, "unknown option of the data set 'm.csv' 'directed'"),
    "scaffolds": ({"target": "logS", "split": "scaffold:0.1,0.1,0.8"}, "the scaffold split leaves no train item"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_wrong_option_is_one_clear_line(tmp_path: Path, case: str) -> None:
    options, message = BAD[case]
    path = table(tmp_path / "m.csv", name=[f"n{i}" for i in range(24)], word=["=1+1", "b"] * 12)
    with pytest.raises(InputError, match=message) as error:
        load(path, **options)
    assert "\n" not in str(error.value)


WRONG = {
    "no smiles column": ("name,logS\na,1.5\nb,2.5\n", r"has no column 'smiles' .found: name, logS.; name the column"),
    "empty": ("", "is empty"),
    "header only": ("smiles,logS\n", "has no molecule; write one line for each"),
    "half rejected": ("smiles,logS\nC,1.5\nx,2.5\ny,3.5\n", r"2 of 3 rows have no molecule .line 3: 'x', not a valid"),
    "duplicate ids": (
        "id,smiles,logS\na,C,1.5\na,CC,2.5\n",
        "line 3, column 'id': must be unique .got 'a', as in",
    ),
    "empty id": ("id,smiles,logS\na,C,1.5\n,CC,2.5\n", "line 3, column 'id': is empty; give each row an id"),
    "split": ("smiles,logS,split\nC,1.5,train\nCC,2.5,tset\n", "line 3, column 'split': must be train, val, test or"),
    "no validation": ("smiles,logS,split\nC,1.5,train\nCC,2.5,test\n", "has no validation molecule"),
    "target in the split": (
        "smiles,logS,split\nC,1.5,train\nCC,,val\nN,2.5,test\n",
        "molecule '1' is in the val part but has no label",
    ),
    "ragged": ("smiles,logS\nC,1.5\nCC\n", "line 3: 2 cells expected"),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_table_is_one_clear_line(tmp_path: Path, case: str) -> None:
    content, message = WRONG[case]
    (tmp_path / "m.csv").write_text(content)
    with pytest.raises(InputError, match=message) as error:
        load(tmp_path / "m.csv", target="logS", task="regression")
    assert "\n" not in str(error.value) and "m.csv" in str(error.value)


@pytest.mark.parametrize(
    ("name", "remedy"),
    [("m.sdf", "with rdkit.Chem.MolToSmiles"), ("m.smi", "write its SMILES strings to a .csv file"), ("m.xlsx", "CSV")],
)
def test_other_formats_are_one_clear_line_with_the_way_out(tmp_path: Path, name: str, remedy: str) -> None:
    (tmp_path / name).write_text("CCO")
    with pytest.raises(InputError, match=remedy) as error:
        graphkit.fit("gin", tmp_path / name, smiles="smiles", target="logS", output=tmp_path / "run")
    assert "\n" not in str(error.value) and "files of the format" in str(error.value)


def test_a_missing_file_and_a_missing_package_are_one_clear_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(FileNotFoundError, match="there is no file .*none.csv'; check the path"):
        load(tmp_path / "none.csv")
    path = table(tmp_path / "m.csv")
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(ImportError, match=r"the table of molecules .*m.csv' needs RDKit; run: pip install rdkit"):
        load(path, target="logS")


def test_new_molecules_are_encoded_as_in_training(tmp_path: Path) -> None:
    path = table(tmp_path / "m.csv")
    trained = load(path, target="logS")
    new = write(tmp_path / "n.csv", {"smiles": ["CCBr", "xyz", SMILES[7], SMILES[7]], "code": list("abcd")})
    dataset = load_own(new, {"target": "logS"}, like=trained)
    assert dataset.num_features == trained.num_features and dataset.splits == ()
    assert same_graph(dataset, 1, trained, 7) and same_graph(dataset, 2, trained, 7)
    width = len(trained.encoder.values[0])
    assert dataset.graphs[0].x[2, :width].tolist() == [0.0] * width  # bromine is not in the training data
    assert any("values of element" in note and "encoded as zeros" in note for note in dataset.notes)
    assert dataset.graphs.graph["y"].isnan().all() and dataset.class_names == ("logS",)
    assert [(row.id, row.text) for row in dataset.rejected] == [("1", "xyz")]
    valued = load_own(path, {"target": "logS"}, like=trained)
    assert torch.equal(valued.graphs.graph["y"], trained.graphs.graph["y"])
    with pytest.raises(InputError, match=r"has no column 'smiles' .found: a.; rename the column"):
        load_own(write(tmp_path / "a.csv", {"a": ["C"]}), {"target": "logS"}, like=trained)
    with pytest.raises(InputError, match="2 of 2 rows have no molecule .* Rename another to smiles"):
        load_own(write(tmp_path / "bad.csv", {"smiles": ["x", "y"]}), {"target": "logS"}, like=trained)


def test_encoding_of_unseen_values_is_zero() -> None:
    encoder = MoleculeEncoder.fit(torch.tensor([[6, 0], [8, 1]]), torch.tensor([[1], [3]]))
    x, edge_attr, unseen = encoder.encode_parsed(torch.tensor([[8, 1], [7, 2]]), torch.tensor([[3], [2]]))
    assert x.tolist() == [[0, 1, 0, 1], [0, 0, 0, 0]] and edge_attr.tolist() == [[0, 1], [0, 0]]
    assert unseen == ["element", "chirality", "bond type"]


def test_an_encoder_without_bonds_keeps_their_integers() -> None:
    """As in the schema of a run that was written before bonds were encoded."""
    edge_attr = torch.tensor([[12, 0, 1]])
    assert torch.equal(MoleculeEncoder(((6,),)).encode(torch.tensor([[6]]), edge_attr)[1], edge_attr)


def test_the_report_names_molecules(tmp_path: Path) -> None:
    path = table(tmp_path / "m.csv", id=[f"m{number}" for number in range(24)])
    settings = {"model.hidden_channels": 8, "train.batch_size": 8, "model.factors": 2}
    run = graphkit.fit("factorgcn", path, target="logS", epochs=1, set=settings, output=tmp_path / "run")
    page = run.report().read_text()
    assert "Largest errors" in page
    for number in run.split.test.tolist():
        assert f"graph m{number}, {SMILES[number]}" in page
    assert factor_view(run).examples[0].title.endswith(SMILES[min(run.split.test.tolist())])


def test_predictions_join_to_all_rows(tmp_path: Path) -> None:
    path = table(tmp_path / "m.csv")
    settings = {"model.hidden_channels": 8, "train.batch_size": 8}
    run = graphkit.fit("gin", path, target="logS", split="scaffold:0.5,0.25,0.25", epochs=2, set=settings,
                       output=tmp_path / "run")  # fmt: skip
    smiles = [*SMILES[:4], "no molecule", "", *SMILES[4:8]]
    new = write(tmp_path / "new.csv", {"key": [f"k{i}" for i in range(10)], "SMILES": smiles})
    predictions = run.predict(new)
    assert {*predictions.ids, *predictions.problems} == {*map(str, range(10))}
    assert predictions.smiles == tuple(SMILES[:8])
    predictions.to_csv(tmp_path / "p.csv")
    rows = {row["id"]: row for row in csv.DictReader((tmp_path / "p.csv").read_text().splitlines())}
    assert (
        len(rows) == 10 and rows["4"]["problem"] and rows["9"]["smiles"] == SMILES[7] and rows["9"]["prediction_logS"]
    )
    assert dict(predictions.problems) == {"4": "not a valid SMILES string", "5": "empty"}
    trained = run.fits[0]
    dataset = load_own(new, {"target": "logS"}, like=trained.dataset)
    task = fit_task(trained.dataset, trained.split, trained.config.train)
    with torch.no_grad():
        batch = dataset.graphs.union()
        expected = task.predict(trained.model.eval()(batch.x, batch.edge_index, batch=batch.batch))[0]
    assert torch.equal(torch.as_tensor(predictions.prediction), expected)
    again = run.predict(path)
    assert again.ids == tuple(map(str, range(24))) and again.target is not None
    assert (again.prediction[:8] == predictions.prediction).all()


def test_frames_and_lists_of_strings_are_molecules(tmp_path: Path) -> None:
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"smiles": SMILES, "logS": [len(text) / 8 for text in SMILES]})
    dataset, named = load(frame, target="logS"), load(table(tmp_path / "m.csv"), target="logS")
    assert all(same_graph(dataset, index, named, index) for index in range(24)) and dataset.name == "data"
    assert load(frame.iloc[4:], target="logS").graph_names == tuple(map(str, range(4, 24)))
    assert load(frame.set_index("smiles"), target="logS").smiles == tuple(SMILES)
    run = graphkit.fit("gin", frame, target="logS", epochs=1, set={"model.hidden_channels": 4}, output=tmp_path / "run")
    for gap in ("", None):
        predictions = run.predict([SMILES[3], gap, "CCO"])
        assert predictions.ids == ("0", "2") and dict(predictions.problems) == {"1": "empty"}
    with pytest.raises(InputError, match="`data` has no column 'smiles' .found: logS."):
        load(frame[["logS"]], target="logS")


def test_an_interrupted_run_with_rejected_rows_resumes_to_the_same_bits(tmp_path: Path) -> None:
    path = write(tmp_path / "m.csv", {"smiles": [*SMILES, "xyz"], "y": [f"{i}.5" for i in range(25)]})
    settings = {
        "model": {"name": "gin", "hidden_channels": 4},
        "data": {"name": str(path), "split": "scaffold:0.5,0.25,0.25"},
        "train": {"epochs": 3, "batch_size": 4},
    }
    fit(settings, tmp_path / "first")
    with pytest.raises(Interrupted):
        fit(settings, tmp_path / "second", StopAt("gin", 2))
    resume(tmp_path / "second")
    first, second = (graphkit.open_run(tmp_path / name).model.state_dict() for name in ("first", "second"))
    assert all(torch.equal(first[name], second[name]) for name in first)
    rejected = [(tmp_path / name / "rejected.csv").read_text() for name in ("first", "second")]
    assert rejected == ["id,line,smiles,reason\n24,26,xyz,not a valid SMILES string\n"] * 2
