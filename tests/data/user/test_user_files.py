"""Files as people write them: each is read exactly, or refused in one line that says where and what to do."""

import csv
import io
import math
import random
import re
from pathlib import Path
from typing import Any, NamedTuple

import networkx
import numpy as np
import pandas
import pytest
import torch
from torch_geometric.data import Data

from graphkit.data import load, load_like
from graphkit.data.data_settings import DataSettings
from graphkit.data.user.unread import REMEDIES

EDGES = "source,target\nann,bob\nbob,cid\ncid,dan\ndan,ann\n"
NODES = "id,label,age\nann,cat,1\nbob,dog,2\ncid,cat,3\ndan,dog,4\n"
SPLIT = "id,label,split,age\nann,cat,train,1\nbob,dog,train,2\ncid,cat,val,3\ndan,dog,test,4\n"
IDS = ("ann", "bob", "cid", "dan")
AGES = [[1.0], [2.0], [3.0], [4.0]]
RING = {(0, 1), (1, 2), (2, 3), (0, 3)}
FRAME = pandas.DataFrame({"id": IDS, "label": ["cat", "dog", "cat", "dog"], "age": [1, 2, 3, 4]})
PAIRS = pandas.DataFrame({"source": IDS, "target": [*IDS[1:], IDS[0]]})


def write(folder: Path, nodes: str | bytes | None, edges: str | bytes | None = EDGES, suffix: str = ".csv") -> Path:
    for name, content in (("nodes", nodes), ("edges", edges)):
        if content is not None:
            (folder / f"{name}{suffix}").write_bytes(content.encode() if isinstance(content, str) else content)
    return folder


def pairs(data: Data) -> set[tuple[int, int]]:
    """Returns the undirected edges without their direction."""
    return {(min(pair), max(pair)) for pair in data.edge_index.as_subclass(torch.Tensor).t().tolist()}


def retyped(table: str, delimiter: str) -> str:
    """Returns a table with another delimiter, and commas for the points in numbers."""
    return table.replace(",", delimiter).replace(".", ",")


HALVES = NODES.replace(",1\n", ",1.5\n").replace(",2\n", ",2.25\n")
HALF_AGES = [[1.5], [2.25], [3.0], [4.0]]
EXCEL = retyped(HALVES, ";")
R_TABLE = '"id" "label" "age"\n"1" "ann" "cat" 1\n"2" "bob" "dog" 2\n"3" "cid" "cat" 3\n"4" "dan" "dog" 4\n'
R_NAMES = '"","label","age"\n"ann","cat",1\n"bob","dog",2\n"cid","cat",3\n"dan","dog",4\n'
GEPHI_NODES = "Id,Label,timeset,club,age\nann,Ann,,cat,1\nbob,Bob,,dog,2\ncid,Cid,,cat,3\ndan,Dan,,dog,4\n"
GEPHI_EDGES = (
    "Source,Target,Type,Id,Label,timeset,Weight\nann,bob,Undirected,0,,,1.0\nbob,cid,Undirected,1,,,1.0\n"
    "cid,dan,Undirected,2,,,1.0\ndan,ann,Undirected,3,,,1.0\n"
)


class Read(NamedTuple):
    """Two tables, options, the expected features, and a part of the expected note, if any."""

    nodes: str | bytes
    edges: str | bytes = EDGES
    x: list[list[float]] = AGES
    note: str = ""
    options: dict[str, Any] = {}


def ages(*cells: str, table: str = NODES) -> str:
    """Returns the table of nodes with other cells in the last column."""
    lines = table.strip().split("\n")
    rows = [f"{line.rpartition(',')[0]},{cell}" for line, cell in zip(lines[1:], cells, strict=True)]
    return "\n".join([lines[0], *rows]) + "\n"


R_EDGES = '"source" "target"\n"1" "ann" "bob"\n"2" "bob" "cid"\n"3" "cid" "dan"\n"4" "dan" "ann"\n'
WEIGHTS = "source;target;weight\nann;bob;0,5\nbob;cid;1\ncid;dan;1\ndan;ann;2\n"
BACK = pandas.read_csv(io.StringIO(FRAME.to_csv()))
READ = {
    "plain": Read(NODES),
    "no line end at the end": Read(NODES.rstrip(), EDGES.rstrip()),
    "line ends of Windows": Read(NODES.replace("\n", "\r\n"), EDGES.replace("\n", "\r\n")),
    "line ends of old Macs": Read(NODES.replace("\n", "\r"), EDGES.replace("\n", "\r")),
    "empty lines": Read("\n" + NODES.replace("\n", "\n\n") + "\n\n", EDGES + "\n \n"),
    "tabs": Read(NODES.replace(",", "\t"), EDGES.replace(",", "\t")),
    "bars": Read(NODES.replace(",", "|"), EDGES.replace(",", "|")),
    "one table with tabs, one with semicolons": Read(NODES.replace(",", "\t"), EDGES.replace(",", ";")),
    "spaces after commas": Read(NODES.replace(",", ", "), EDGES.replace(",", ", ")),
    "all cells in quotes": Read(re.sub(r"[^,\n]+", r'"\g<0>"', NODES), re.sub(r"[^,\n]+", r'"\g<0>"', EDGES)),
    "a comma at the end of each row": Read(NODES.replace("\n", ",\n").replace(",\n", "\n", 1)),
    "byte order mark": Read(b"\xef\xbb\xbf" + NODES.encode(), b"\xef\xbb\xbf" + EDGES.encode()),
    "invisible characters": Read("\ufeff\ufeff" + NODES.replace("bob", "b\u200bob"), "\ufeff\u200b" + EDGES),
    "pandas with its index": Read(FRAME.to_csv(), PAIRS.to_csv(), note="the first column, which has no name"),
    "pandas, index read back": Read(BACK.to_csv(index=False), note="the first column, which has no name"),
    "pandas, index read back twice": Read(BACK.to_csv(), note="the first column, which has no name"),
    "pandas, ids as an index without a name": Read(
        FRAME.set_index("id").rename_axis(None).to_csv(), note="the first column, which has no name, is read as `id`"
    ),
    "pandas, whole numbers as decimals": Read(ages("1.0", "2.0", "3.0", "4.0")),
    "R write.csv": Read('"",' + R_TABLE.replace(" ", ","), note="the first column, which has no name"),
    "R write.csv with ids as row names": Read(R_NAMES, note="is read as `id`"),
    "R, row numbers read back and written again": Read(
        FRAME.assign(X=range(1, 5))[["X", *FRAME.columns]].to_csv(), note="not used: `X`, the numbers of the rows"
    ),
    "pandas reset_index": Read(FRAME.reset_index().to_csv(index=False), note="`index`, the numbers of the rows"),
    "R write.table": Read(R_TABLE, R_EDGES, note="the first cell of each row, for which the header has no name"),
    "R write.table with tabs, without quotes": Read(
        R_TABLE.replace('"', "").replace(" ", "\t"), EDGES.replace(",", "\t"), note="the first cell of each row"
    ),
    "spreadsheet with decimal commas": Read(EXCEL, EDGES.replace(",", ";"), HALF_AGES, "read as decimal points"),
    "spreadsheet with its delimiter": Read("sep=;\n" + EXCEL, x=HALF_AGES, note="read as decimal points"),
    "spreadsheet, Unicode text": Read(retyped(HALVES, "\t").encode("utf-16"), x=HALF_AGES, note="decimal points"),
    "big-endian Unicode text": Read(b"\xfe\xff" + NODES.replace(",", "\t").encode("utf-16-be")),
    "spreadsheet, empty columns and rows": Read(NODES.replace("\n", ",,\n") + ",,,,\n,,,,\n", EDGES + ",\n"),
    "weights with decimal commas": Read(NODES, WEIGHTS, note="read as decimal points"),
    "capital column names": Read(NODES.replace("id,label", "ID,Label"), EDGES.replace("source", "Source")),
    "a mark before the column names": Read("#" + NODES, "# " + EDGES),
    "from and to": Read(NODES, EDGES.replace("source,target", "from,to"), note="'from' is read as `source`"),
    "node and Src": Read(
        NODES.replace("id", "node", 1), EDGES.replace("source", "Src"), note="'Src' is read as `source`"
    ),
    "Gephi": Read(GEPHI_NODES, GEPHI_EDGES, note="`timeset`, which Gephi writes", options={"target": "club"}),
    "other usual numbers": Read(ages("1e0", "+2.", "3.000", "0.4E1")),
    "booleans": Read(ages("TRUE", "false", "yes", "No"), x=[[1], [0], [1], [0]]),
    "text": Read(ages("new", "old", '"new"', '"very, old"'), x=[[1, 0, 0], [0, 1, 0], [1, 0, 0], [0, 0, 1]]),
    "text over two lines": Read(ages('"a\nb"', "c", "c", "c"), x=[[1, 0], [0, 1], [0, 1], [0, 1]]),
    "ranges": Read(ages("10-19", "20-29", "10-19", "20-29"), x=[[1, 0], [0, 1], [1, 0], [0, 1]]),
    "a gap": Read(
        ages("1", "2", "", "4", table=SPLIT),
        x=[[1], [2], [1.5], [4]],
        note="missing features: 1, filled by the mean of the training part",
        options={"impute": "mean"},
    ),
    "words for a gap": Read(
        ages("NA", "2", "3", "n/a", table=SPLIT),
        x=[[2], [2], [3], [2]],
        note="features: 2,",
        options={"impute": "mean"},
    ),
    "a gap in a text": Read(
        ages("a", "b", "", "b", table=SPLIT),
        x=[[1, 0], [0, 1], [0.5, 0.5], [0, 1]],
        note="missing features: 2,",
        options={"impute": "mean"},
    ),
    "a column left out": Read(FRAME.assign(name=IDS).to_csv(index=False), options={"ignore": "name"}),
    "ids and classes only": Read(
        FRAME[["id", "label"]].to_csv(index=False), x=[[1, math.log(3)]] * 4, options={"features": "structural"}
    ),
    "self loops": Read(NODES, EDGES + "ann,ann\n"),
    "the same edge twice": Read(NODES, EDGES + "ann,bob\nbob,ann\n"),
}


@pytest.mark.parametrize("case", READ)
def test_tables_are_read(tmp_path: Path, case: str) -> None:
    nodes, edges, x, note, options = READ[case]
    dataset = load(write(tmp_path, nodes, edges), **options)
    data = dataset.graphs[0]
    assert torch.allclose(data.x, torch.tensor(x, dtype=torch.float))
    assert data.y.tolist() == [0, 1, 0, 1] and dataset.node_names == IDS
    assert pairs(data) - {(0, 0)} == RING and ((0, 0) in pairs(data)) == (case == "self loops")
    assert dataset.encoder is not None and dataset.encoder.width == dataset.num_features == len(x[0])
    assert note in " ".join(dataset.notes) and bool(note) == bool(dataset.notes), dataset.notes


def test_targets_with_decimal_commas(tmp_path: Path) -> None:
    dataset = load(write(tmp_path, EXCEL.replace("cat", "0,5").replace("dog", "7"), EDGES))
    assert dataset.task == "node-regression" and dataset.graphs[0].y.view(-1).tolist() == [0.5, 7, 0.5, 7]


@pytest.mark.parametrize(
    ("ids", "in_edges"),
    [
        (("1", "2", "3", "4"), ("1.0", "2.0", "3.0", "4.0")),
        (("1.0", "2.0", "3.0", "4.0"), ("1", "2", "3", "4")),
        (("007", "008", "7", "8"), ("007", "008", "7", "8")),
        (("Zoë B.", "李雷", "O'Neil", "x,y"), ("Zoë B.", "李雷", "O'Neil", "x,y")),
    ],
)
def test_ids_of_all_kinds(tmp_path: Path, ids: tuple[str, ...], in_edges: tuple[str, ...]) -> None:
    frame = FRAME.assign(id=ids)
    ring = pandas.DataFrame({"source": in_edges, "target": [*in_edges[1:], in_edges[0]]})
    dataset = load(write(tmp_path, frame.to_csv(index=False), ring.to_csv(index=False)))
    assert dataset.node_names == ids and pairs(dataset.graphs[0]) == RING


@pytest.mark.parametrize("seed", range(20))
def test_dialects_of_pandas(tmp_path: Path, seed: int) -> None:
    draw, rng = random.Random(seed), np.random.default_rng(seed)
    ids = [f"n {k}" for k in range(12)]
    words = rng.choice(["Bern", "São Paulo", "x;y", "a,b", 'q"t'], 12)
    nodes = pandas.DataFrame({"id": ids, "label": ["a", "b, c"] * 6, "size": rng.normal(size=12).round(seed % 4)})
    nodes = nodes.assign(count=rng.integers(-5, 2000, 12), city=words, new=rng.choice([True, False], 12))
    nodes.loc[3, "size"] = np.nan
    separator = draw.choice([",", ";", "\t", "|"])
    dialect: dict[str, Any] = {
        "sep": separator,
        "decimal": "." if separator == "," else draw.choice([".", ","]),
        "quoting": draw.choice([csv.QUOTE_MINIMAL, csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC]),
        "encoding": draw.choice(["utf-8", "utf-8-sig", "utf-16"]),
        "lineterminator": draw.choice(["\n", "\r\n"]),
        "na_rep": draw.choice(["", "NA", "nan", "NULL"]),
        "float_format": draw.choice([None, "%.4f", "%.5e"]),
    }
    index = draw.choice(["none", "numbers", "ids"])
    table = nodes.set_index("id").rename_axis(None) if index == "ids" else nodes
    table.to_csv(tmp_path / "nodes.csv", index=index != "none", **dialect)
    ring = pandas.DataFrame({"source": ids, "target": [*ids[1:], ids[0]]})
    ring.to_csv(tmp_path / "edges.csv", index=draw.random() < 0.5, **dialect)
    dataset = load(tmp_path, impute="mean")
    assert dataset.encoder is not None
    expected = nodes.assign(size=nodes["size"].fillna(dataset.encoder.fill[0]))
    expected = pandas.get_dummies(expected, columns=["city"], prefix_sep="=", dtype=float)[[*dataset.encoder.names]]
    assert dataset.graphs[0].x.numpy() == pytest.approx(expected.to_numpy(dtype=float), rel=1e-5)
    assert dataset.node_names == tuple(ids) and dataset.class_names == ("a", "b, c")


def test_tab_separated_files_have_their_suffix(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, NODES.replace(",", "\t"), EDGES.replace(",", "\t"), suffix=".tsv")
    assert load(tmp_path).graphs[0].x.tolist() == load(tmp_path / "nodes.tsv").graphs[0].x.tolist() == AGES
    monkeypatch.chdir(tmp_path.parent)
    tmp_path.rename("karate")
    assert load("karate").node_names == IDS  # not the named data set
    (tmp_path.parent / "karate").rename(tmp_path)
    write(tmp_path, NODES, None)
    with pytest.raises(ValueError, match=r"has 'nodes.csv' and 'nodes.tsv'; remove one"):
        load(tmp_path)


class Refused(NamedTuple):
    """Two tables and the expected message."""

    message: str
    nodes: str | bytes | None = NODES
    edges: str | bytes = EDGES


REFUSED = {
    "Latin-1": Refused(
        "line 4: must be UTF-8 text .got the byte 0xe7.; .*'CSV UTF-8'",
        NODES.replace("cid,c", "cid,\xe7").encode("latin-1"),
    ),
    "UTF-16 without a mark": Refused("line 1: must be UTF-8 text .got a zero byte.; save", NODES.encode("utf-16-le")),
    "a spreadsheet called CSV": Refused("holds a spreadsheet, not text; save the sheet", b"PK\x03\x04" + b"\0" * 30),
    "empty": Refused("nodes.csv' is empty; its first line must name the columns", ""),
    "only line ends": Refused("nodes.csv' is empty", "\n\n"),
    "header only": Refused("nodes.csv' has no node; write one line", "id,label,age\n"),
    "no header": Refused("nodes.csv' has no column 'id' .found: ann, cat, 1.; add it", NODES.split("\n", 1)[1]),
    "a row with semicolons": Refused(
        "line 3: 3 cells .*by a comma, not by a semicolon", NODES.replace("bob,dog,2", "bob;dog;2")
    ),
    "a comma without quotes": Refused("line 3: 3 cells .*in quotes", NODES.replace("dog,2", "dog, big,2")),
    "a short row": Refused("line 3: 3 cells expected.*complete the row", NODES.replace("bob,dog,2", "bob,dog")),
    "an open quote": Refused(
        "nodes.csv', line 4: cannot be read as comma-separated text .*close the quotation", NODES.replace("cid", '"cid')
    ),
    "a column without a name": Refused(
        "column 3 has no name; name it in the first", NODES.replace("label,age", "label,")
    ),
    "the same column twice": Refused("has two columns called 'label'; rename one", NODES.replace("age", "label")),
    "another name of the classes": Refused(
        "no column 'label' .found: id, club, age.; .*--set data.target=NAME, in Python", NODES.replace("label", "club")
    ),
    "an empty id": Refused("line 4, column 'id': must not be empty", NODES.replace("cid", "")),
    "an id twice": Refused("line 5: the id 'ann' is already in line 2", NODES.replace("dan", "ann")),
    "a gap": Refused(
        "line 3, column 'age': must have a value .*--set data.impute=mean, .*--set data.ignore=age",
        ages("1", "", "3", "4"),
    ),
    "a word for a gap": Refused("line 4, column 'age': must have a value .got 'NaN'", ages("1", "2", "NaN", "4")),
    "no value in a column": Refused("column 'age': must have values .*--set data.ignore=age", ages("", "", "", "")),
    "a typing error": Refused("line 4, column 'age': must be a number .got '3o'", ages("1", "2", "3o", "4")),
    "a spreadsheet error": Refused(
        "line 3, column 'age': must be a number .got '#DIV/0!'", ages("1", "#DIV/0!", "3", "4")
    ),
    "an infinite number": Refused(
        "line 3, column 'age': must be a finite number .got 'inf'", ages("1", "inf", "3", "4")
    ),
    "a number out of range": Refused(
        "line 3, column 'age': must be a finite number .got '1e300'", ages("1", "1e300", "3", "4")
    ),
    "digits of Python": Refused("line 2, column 'age': must be a number .got '1_000'", ages("1_000", "2", "3", "4")),
    "percentages": Refused(
        "line 2, column 'age': .*'12 %', a percentage.; write 0.12", ages("12 %", "3%", "1 %", "2 %")
    ),
    "dates": Refused(
        "line 2, column 'age': .*a date.; write numbers, such as days",
        ages("2024-01-31", "2024-02-01", "2024-2-3", "2024-2-4"),
    ),
    "dates as in Germany": Refused(
        "line 2, column 'age': .*a date", ages("31.12.2024", "1.1.2025", "2.1.2025", "3.1.2025")
    ),
    "times": Refused("line 2, column 'age': .*a time.; write numbers", ages("12:30", "9:05", "9:06", "9:07")),
    "thousands with commas": Refused(
        "line 2, column 'age': .*with thousands separators", ages('"1,234"', "5", "6", "7")
    ),
    "thousands with points": Refused(
        "line 3, column 'age': .*with thousands separators", ages("1.234", "1.234.567", "6", "7")
    ),
    "amounts of money": Refused("line 2, column 'age': .*an amount of money", ages("$12.50", "$9", "$8", "$7")),
    "units": Refused(
        "line 2, column 'age': .*the unit 'kg'.; write the number alone", ages("12 kg", "9 kg", "8 kg", "7 kg")
    ),
    "decimal commas between commas": Refused(
        "line 2, column 'age': .*a decimal comma", ages('"1,5"', '"2,25"', "3", "4")
    ),
    "both commas and points": Refused(
        "line 2, column 'age': must be a number .got '1,5'",
        ages("1,5", "2.5", "3", "4").replace("1,5", "1#5").replace(",", ";").replace("#", ","),
    ),
    "too many words": Refused(
        "column 'age': must have at most 50 different words .got 55.*--set data.ignore=age",
        NODES.split("\n")[0] + "".join(f"\nn{k},{'ab'[k % 2]},word {k % 55}" for k in range(110)),
        "source,target\nn0,n1\n",
    ),
    "lists": Refused(
        "line 2, column 'age': .*a list.; write one column", ages('"[1, 2]"', '"[3, 4]"', '"[5, 6]"', '"[7, 8]"')
    ),
    "a comment above the header": Refused("remove the lines above the column names", "# nodes of 2024\n" + NODES),
    "names": Refused(
        "column 'age': must have words that nodes share .*like names",
        NODES.split("\n")[0] + "".join(f"\nn{k},{'ab'[k % 2]},word {k}" for k in range(20)),
        "source,target\nn0,n1\n",
    ),
    "no features": Refused(
        "must have features .got none.*--set data.features=structural, in Python features='structural'",
        FRAME[["id", "label"]].to_csv(index=False),
    ),
    "no table of nodes": Refused("there is no 'nodes.csv'", None),
    "an edge to a missing node": Refused(
        "line 6, column 'target': there is no node 'eve' in 'nodes.csv'", edges=EDGES + "ann,eve\n"
    ),
    "an edge without an end": Refused("line 6, column 'target': must not be empty; give", edges=EDGES + "ann,\n"),
    "edges without a header": Refused(
        "edges.csv' has no column 'source' .found: ann, bob.", edges=EDGES.split("\n", 1)[1]
    ),
    "an unknown column of edges": Refused(
        "unknown column 'since'.*--set data.ignore=since", edges="source,target,since\nann,bob,1\n"
    ),
    "words as weights": Refused(
        "line 2, column 'weight': must be a number", edges="source,target,weight\nann,bob,strong\n"
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_tables_are_refused_in_one_line_with_the_remedy(tmp_path: Path, case: str) -> None:
    message, nodes, edges = REFUSED[case]
    write(tmp_path, nodes, edges)
    with pytest.raises((ValueError, FileNotFoundError), match=message) as error:
        load(tmp_path)
    assert "\n" not in str(error.value) and len(str(error.value)) < 500 and ";" in str(error.value)


@pytest.mark.parametrize("suffix", REMEDIES)
def test_formats_that_are_not_read_are_named_with_the_way_out(tmp_path: Path, suffix: str) -> None:
    (tmp_path / f"graph{suffix}").write_bytes(b"content")
    with pytest.raises(ValueError, match=rf"graph{suffix}': files of the format {suffix} are not read; ") as error:
        load(tmp_path / f"graph{suffix}")
    assert "\n" not in str(error.value) and REMEDIES[suffix] in str(error.value)


SPLIT_OF = {"train_mask": [1, 1, 0, 0], "val_mask": [0, 0, 1, 0], "test_mask": [0, 0, 0, 1]}
ARRAYS = {
    "edge_index": np.array([[0, 1, 2, 3], [1, 2, 3, 0]]),
    "x": np.array([[1.0, 5.0], [2.0, np.nan], [np.nan, 7.0], [4.0, 8.0]]),
    "y": np.array([0, 1, 0, 1]),
    **{name: np.array(mask, dtype=bool) for name, mask in SPLIT_OF.items()},
}


def saved(folder: Path, kind: str) -> Any:
    if kind == "npz":
        np.savez(folder / "graph.npz", **ARRAYS)
        return folder / "graph.npz"
    data = Data(**{name: torch.from_numpy(value) for name, value in ARRAYS.items()})
    torch.save(data, folder / "data.pt")
    return {"pt": folder / "data.pt", "Data": data}[kind]


@pytest.mark.parametrize("kind", ["npz", "pt", "Data"])
def test_gaps_of_arrays_are_refused_or_filled_by_the_mean_of_the_training_part(tmp_path: Path, kind: str) -> None:
    data = saved(tmp_path, kind)
    with pytest.raises(ValueError, match=r"feature 1 of node 1 must be .*--set data.impute=mean, in Python") as error:
        load(data)
    assert "\n" not in str(error.value)
    dataset = load(data, impute="mean", transforms=["normalize-features"])
    assert dataset.encoder is not None and dataset.encoder.fill == (1.5, 5.0)
    filled = torch.tensor([[1, 5], [2, 5], [1.5, 7], [4, 8]])
    assert torch.allclose(dataset.graphs[0].x, filled / filled.sum(dim=1, keepdim=True))
    new = Data(x=torch.tensor([[float("nan"), 1.0]]), edge_index=torch.empty(2, 0, dtype=torch.long))
    assert load_like(new, dataset, DataSettings()).graphs[0].x.tolist() == [[1.5, 1.0]]
    with pytest.raises(ValueError, match=r"must have 2 features, as in the training data .got 1.; give"):
        load_like(Data(x=torch.ones(3, 1), edge_index=new.edge_index), dataset, DataSettings())


def test_gaps_of_many_graphs_are_filled_by_the_mean_of_the_training_graphs(tmp_path: Path) -> None:
    ring = torch.tensor([[0, 1, 2], [1, 2, 0]])
    graphs = [Data(x=torch.full((3, 1), float(k)), edge_index=ring, y=torch.tensor([k % 2])) for k in range(10)]
    graphs[4].x[1] = torch.nan
    with pytest.raises(ValueError, match="graph 4: feature 0 of node 1 must be a finite number .*data.impute=mean"):
        load(graphs)
    dataset = load(graphs, impute="mean")
    train = [k for k in dataset.splits[0].train.tolist()]
    mean = sum(k * (2 if k == 4 else 3) for k in train) / sum(2 if k == 4 else 3 for k in train)
    assert dataset.graphs[4].x.view(-1).tolist() == pytest.approx([4, mean, 4])


def test_a_feature_without_any_value_in_the_training_part(tmp_path: Path) -> None:
    nodes = ages("", "", "3", "4", table=SPLIT)
    with pytest.raises(
        ValueError, match="feature 'age' must have a value in the training part .got none.; .*split-seed"
    ):
        load(write(tmp_path, nodes), impute="mean")


def test_many_graphs_without_features() -> None:
    path = torch.tensor([[0, 1], [1, 2]])
    graphs = [Data(edge_index=path, num_nodes=3 + k % 2, y=torch.tensor([k % 2])) for k in range(10)]
    with pytest.raises(ValueError, match="graph 0: the nodes must have features .*--set data.features=structural"):
        load(graphs)
    dataset = load(graphs, features="structural")
    one = math.log(2)
    assert torch.allclose(dataset.graphs[1].x, torch.tensor([[1, 0], [1, one], [1, one], [1, 0]]))
    assert dataset.encoder is not None and dataset.encoder.names == ("one", "log1p(in-degree)")


def named_graph(**changes: Any) -> networkx.Graph:
    graph = networkx.Graph([("ann", "bob"), ("bob", "cid"), ("cid", "dan"), ("dan", "ann")])
    for k, name in enumerate(IDS):
        graph.nodes[name].update(label="ab"[k % 2], city=["Bern", "Rome"][k // 2], new=k == 1, age=k / 2, **changes)
    return graph


NAMED_X = [[0, 1, 0, 0], [0.5, 1, 0, 1], [1, 0, 1, 0], [1.5, 0, 1, 0]]


@pytest.mark.parametrize("kind", ["memory", "graphml"])
def test_attributes_of_networkx_graphs(tmp_path: Path, kind: str) -> None:
    graph: Any = named_graph()
    if kind == "graphml":
        networkx.write_graphml(graph, tmp_path / "graph.graphml")
        graph = tmp_path / "graph.graphml"
    dataset = load(graph)
    assert dataset.encoder is not None and dataset.encoder.names == ("age", "city=Bern", "city=Rome", "new")
    assert dataset.graphs[0].x.tolist() == NAMED_X and dataset.node_names == IDS
    gaps = named_graph()
    del gaps.nodes["cid"]["age"]
    with pytest.raises(ValueError, match="attribute 'age' of node 'cid' must have a value .got none.*data.impute=mean"):
        load(gaps)
    with pytest.raises(
        ValueError, match="attribute 'since' of node 'ann' must be a number .got '2020-01-01', a date.;"
    ):
        load(named_graph(since="2020-01-01"))


def test_frames_with_an_index_of_ids_and_columns_of_all_types() -> None:
    nodes = FRAME.assign(
        big=[True, False, True, False],
        kind=pandas.Categorical(["u", "v", "v", "u"]),
        age=pandas.array([1, 2, None, 4], "Int64"),
    ).set_index("id")
    nodes.index.name = None
    dataset = load((nodes, PAIRS), impute="mean", split="0.5,0.25,0.25")
    assert dataset.encoder is not None and dataset.encoder.names == ("age", "big", "kind=u", "kind=v")
    assert dataset.graphs[0].x[:, 1:].tolist() == [[1, 1, 0], [0, 0, 1], [1, 0, 1], [0, 1, 0]]
    assert dataset.graphs[0].x[2, 0] == dataset.encoder.fill[0] and dataset.node_names == IDS


NEW = "id,age,city,new\neve,5,Rome,yes\nfay,6,Bern,no\n"
NEW_EDGES = "source,target\neve,fay\n"


@pytest.mark.parametrize(
    ("nodes", "message"),
    [
        (NEW, ""),
        ("new,city,id,extra,age\nyes,Rome,eve,1,5\nno,Bern,fay,2,6\n", ""),
        (NEW.replace(",5,", ",,"), ""),
        (
            NEW.replace(",age", ",size"),
            "nodes.csv' has no column 'age', which is a feature of the training data; add it",
        ),
        (
            NEW.replace("Bern", "Oslo"),
            "line 3, column 'city': must be one of the words of the training data, Bern, Rome",
        ),
        (NEW.replace(",6,", ",six,"), "line 3, column 'age': must be a finite number .got 'six'"),
        (NEW.replace("no\n", "3\n"), "line 3, column 'new': must be true or false .got '3'"),
        (
            "id\neve\nfay\n",
            "must have features as the training data do .features: age, city=Bern, city=Rome, new. .got none",
        ),
    ],
)
def test_new_tables_are_encoded_as_the_training_data(tmp_path: Path, nodes: str, message: str) -> None:
    training = load(named_graph(), impute="mean", split="0.5,0.25,0.25")
    path = write(tmp_path, nodes, NEW_EDGES)
    if message:
        with pytest.raises(ValueError, match=message) as error:
            load_like(path, training, DataSettings(name="data"))
        assert "\n" not in str(error.value)
        return
    new = load_like(path, training, DataSettings(name="data"))
    assert training.encoder is not None
    age = training.encoder.fill[0] if ",," in nodes else 5
    assert new.graphs[0].x.tolist() == [[age, 0, 1, 1], [6, 1, 0, 0]] and new.node_names == ("eve", "fay")
    assert ("`extra`" in " ".join(new.notes)) == ("extra" in nodes)


def test_new_graphs_of_edges_alone(tmp_path: Path) -> None:
    graph = named_graph()
    training = load(graph, features="structural")
    new = load_like(write(tmp_path, None, "from;to\n7;8\n8;9\n"), training, DataSettings(name="data"))
    assert new.node_names == ("7", "8", "9") and torch.allclose(new.graphs[0].x[:, 1].exp(), torch.tensor([2.0, 3, 2]))
    with pytest.raises(ValueError, match="edges.csv': the nodes must have features as the training data do"):
        load_like(tmp_path, load(graph), DataSettings(name="data"))
