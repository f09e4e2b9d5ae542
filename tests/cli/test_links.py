"""Link prediction on the command line: predictions, report, and wrong uses of one line each."""

import csv
import json
import shlex
from pathlib import Path

import networkx
import pytest
import torch
from click.testing import CliRunner, Result
from torch_geometric.data import Data

from graphkit.cli.main import main
from graphkit.experiments import evaluate_run, open_run
from graphkit.report import report

LINKS = "--task link-prediction --epochs 2 --quiet --set data.hard_negatives=8"


@pytest.fixture(scope="session")
def links(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Returns the folder of a finished run of link prediction."""
    folder = tmp_path_factory.mktemp("links") / "run"
    line = f"train --model gcn --dataset karate {LINKS} --output {folder}"
    result = CliRunner().invoke(main, shlex.split(line))
    assert result.exit_code == 0, result.output
    return folder


def write(path: Path, *rows: str) -> Path:
    path.write_text("\n".join(rows) + "\n", encoding="utf-8")
    return path


def test_given_pairs_have_the_scores_of_the_model(links: Path, tmp_path: Path) -> None:
    run = open_run(links)
    pairs = write(tmp_path / "pairs.csv", "source,target", "0,1", "4,33", "12,2")
    output = tmp_path / "scores.csv"
    result = CliRunner().invoke(main, ["predict", str(links), str(pairs), "--output", str(output)])
    assert result.exit_code == 0 and "3 predictions written" in result.output, result.output
    with output.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [list(row) for row in rows] == [["source", "target", "score", "edge", "split"]] * 3
    assert [(row["source"], row["target"]) for row in rows] == [("0", "1"), ("4", "33"), ("12", "2")]
    assert rows[0]["edge"] == "1" and rows[0]["split"] in ("train", "val", "test")
    assert rows[1]["edge"] == "0" and rows[1]["split"] == ""
    data = run.dataset.graphs[0]
    data.pair_index = torch.tensor([[0, 4, 12], [1, 33, 2]])
    expected = run.model(**run.model.inputs(data)).sigmoid().tolist()
    assert [float(row["score"]) for row in rows] == pytest.approx(expected, abs=1e-5)
    in_memory = run.predict([(0, 1), (4, 33), (12, 2)])
    assert in_memory.prediction.tolist() == pytest.approx(expected) and repr(in_memory) == "LinkPredictions(3 pairs)"


def test_best_links_are_pairs_without_an_edge(links: Path, tmp_path: Path) -> None:
    output = tmp_path / "top.json"
    result = CliRunner().invoke(main, ["predict", str(links), "--top", "3", "--output", str(output), "--json"])
    assert result.exit_code == 0, result.output
    rows = json.loads(output.read_text())
    assert json.loads(result.output)["predictions"] == rows
    edges = {frozenset(edge) for edge in networkx.karate_club_graph().edges}
    assert all(frozenset((row["source"], row["target"])) not in edges for row in rows)
    assert all(row["source"] != row["target"] for row in rows)
    by_node = {node: [row for row in rows if row["source"] == node] for node in range(34)}
    assert all(len(best) == 3 for best in by_node.values())
    run = open_run(links)
    others = [(5, node) for node in range(34) if node != 5 and frozenset((5, node)) not in edges]
    scores = dict(zip(others, run.predict(others).prediction.tolist(), strict=True))
    assert [row["score"] for row in by_node[5]] == pytest.approx(sorted(scores.values(), reverse=True)[:3])


def test_without_new_data_edges_and_random_negatives_are_scored(links: Path) -> None:
    run = open_run(links)
    predictions = run.predict()
    labels = run.dataset.labels
    assert len(predictions) == int(((labels[:, 0] == 1) | (labels[:, 1] < 0)).sum())
    columns = predictions.columns()
    assert {*columns["split"]} == {"train", "val", "test", ""}
    assert all((split == "") == (edge == 0) for split, edge in zip(columns["split"], columns["edge"], strict=True))


def test_pairs_are_named_as_the_nodes(tmp_path: Path) -> None:
    nodes = write(tmp_path / "nodes.csv", "id,a", *(f"n{number},{number % 3}" for number in range(30)))
    write(tmp_path / "edges.csv", "source,target", *(f"n{number},n{(number * 7 + 3) % 30}" for number in range(30)))
    line = f"train --model gcn --dataset {nodes.parent} {LINKS} --output {tmp_path / 'run'}"
    result = CliRunner().invoke(main, shlex.split(line))
    assert result.exit_code == 0, result.output
    run = open_run(tmp_path / "run")
    pairs = write(tmp_path / "pairs.tsv", "from\tto", "n3\tn4")
    predictions = run.predict(pairs)
    assert (predictions.ids, predictions.to) == (("n3",), ("n4",))
    assert any("is read as `source`" in note for note in predictions.notes)
    with pytest.raises(ValueError, match="there is no node '3' in the graph"):
        run.predict([(3, 4)])


def test_report_shows_distributions_and_examples(links: Path) -> None:
    page = report(links).read_text(encoding="utf-8")
    for text in ("Scores of edges and negatives", "edge, smallest scores", "no edge, hard", "Adamic-Adar"):
        assert text in page, text
    assert evaluate_run(open_run(links))["scores"] == open_run(links).result["scores"]


WRONG = """
TRAIN karate --task link-predicton                            | `data.task`
TRAIN karate --task edges                                     | `data.task`
TRAIN mutag --task link-prediction --set data.root=none       | one graph
TRAIN factor-graphs LINKS                                     | expected one graph for link-prediction, got
CLIPS synthetic-skeleton LINKS                                | expected one graph for link-prediction, got
CLIPS karate LINKS                                            | reads skeleton clips, and karate holds graphs
TRAIN karate LINKS --split 0.5,0.5                            | `split` must be three numbers
TRAIN karate LINKS --split 0.8,0.1,0.2                        | `split` must sum to 1
TRAIN karate LINKS --split scaffold                           | got the split scaffold; give 0.85,0.05,0.1
TRAIN karate LINKS --split folds                              | got the split folds; give 0.85,0.05,0.1
TRAIN karate LINKS --split 0.998,0.001,0.001                  | expected edges for training, validation and test
TRAIN karate LINKS --target label                             | `data.target` is an option of your own graphs
TRAIN karate LINKS --set data.labels_per_class=2              | `labels_per_class` is for nodes of one class each
TRAIN karate LINKS --set data.fold=1                          | `data.fold` must be below 1
TRAIN karate LINKS --set data.hard_negatives=-1               | `data.hard_negatives` must not be negative
TRAIN karate LINKS --set data.hard_negatives=many             | `data.hard_negatives` must be a whole number
TRAIN karate --set data.hard_negatives=5                      | unknown configuration key 'data.hard_negatives'
TRAIN karate LINKS --metric accuracy                          | unknown metric for link-prediction 'accuracy'
TRAIN karate LINKS --metric hits@7                            | did you mean 'hits@
TRAIN karate LINKS --metric hard-mrr --set data.hard_negatives=0 | `train.metric` hard-mrr is undefined without hard
TRAIN karate LINKS --set model.decoder=cosine                 | `model.decoder` must be one of dot, mlp, distance
TRAIN karate --set model.decoder=mlp                          | `model.decoder` is for link-prediction
TRAIN karate --set model.embedding_channels=8                 | `model.embedding_channels` is for link-prediction
TRAIN karate LINKS --set model.embedding_channels=0           | `model.embedding_channels` must be at least 1
TRAIN karate LINKS --set model.readout=mean                   | `readout` is for graphs
TRAIN karate LINKS --set train.label_smoothing=0.1            | `train.label_smoothing` is for tasks with one class
TRAIN karate LINKS --set train.class_weight=balanced          | `train.class_weight` is for tasks with one class
TRAIN karate LINKS --set train.num_neighbors=3                | `train.num_neighbors` is for batches of nodes
TRAIN karate LINKS --set 'data.transforms=[largest-component]' --split 0.2,0.4,0.4 | transforms that keep all nodes
TRAIN complete.pt LINKS                                       | got an edge between all 8 nodes
TRAIN empty.pt LINKS                                          | expected edges for training, validation and test, got 0
TRAIN negative.pt LINKS                                       | expected `edge_weight` to be finite
DISTILL karate --task link-prediction                         | use graphkit train
STREAM karate --task link-prediction                          | use graphkit train
predict RUN absent.csv                                        | there is no file 'absent.csv'; give a table of pairs
predict RUN pairs.json                                        | expected a table of pairs (.csv or .tsv), got
predict RUN unknown.csv                                       | line 3, column 'target': there is no node '99'
predict RUN headless.csv                                      | has no column 'source'
predict RUN none.csv                                          | expected pairs of nodes, got none
predict RUN --top 0                                           | `top` must be a whole number of at least 1 (got 0)
predict RUN unknown.csv --top 2                               | expected pairs or `top`, got both
predict NODES --top 2                                         | `top` is for link-prediction
compare RUN NODES                                             | must have the same metric
ensemble RUN RUN                                              | ensembles are for tasks with one class per item
export RUN                                                    | only models of skeleton clips can be exported
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Returns an empty folder with wrong files."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("GRAPHKIT_DATA", raising=False)
    monkeypatch.setenv("GRAPHKIT_CACHE", str(tmp_path / "cache"))
    write(tmp_path / "unknown.csv", "source,target", "0,1", "2,99")
    write(tmp_path / "headless.csv", "0,1", "2,3")
    write(tmp_path / "none.csv", "source,target")
    pairs = torch.cartesian_prod(torch.arange(8), torch.arange(8)).t()
    x = torch.rand(8, 2)
    torch.save(Data(x=x, edge_index=pairs), tmp_path / "complete.pt")
    torch.save(Data(x=x, edge_index=pairs[:, :0]), tmp_path / "empty.pt")
    cycle = torch.stack([torch.arange(40), torch.arange(40).roll(1)])
    torch.save(Data(x=torch.rand(40, 2), edge_index=cycle, edge_weight=-torch.ones(40)), tmp_path / "negative.pt")
    return tmp_path


@pytest.mark.parametrize("case", [line for line in WRONG.strip().splitlines() if "mutag" not in line])
def test_wrong_uses_are_one_line(case: str, folder: Path, links: Path, run: Path) -> None:
    line, _, message = (text.strip() for text in case.partition(" | "))
    names = {
        "TRAIN": "train --model gcn --epochs 1 --quiet --output out --dataset",
        "CLIPS": "train --model stigcn --epochs 1 --quiet --output out --dataset",
        "DISTILL": "distill --epochs 1 --quiet --output out --dataset",
        "STREAM": "continual --epochs 1 --quiet --output out --dataset",
        "LINKS": "--task link-prediction",
        "RUN": str(links),
        "NODES": str(run),
    }
    arguments = [word for part in shlex.split(line) for word in shlex.split(names.get(part, shlex.quote(part)))]
    before = sorted(path.name for path in folder.iterdir())
    result: Result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 2, (result.output, result.exception)
    assert len(result.stderr.strip().splitlines()) == 1 and result.stderr.startswith("Error: "), result.stderr
    assert message in result.stderr
    assert sorted(path.name for path in folder.iterdir() if path.name != "cache") == [n for n in before if n != "cache"]
