"""Predictions for data that a run has never seen: those of the model in memory, through all forms of data."""

import csv
import json
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import networkx
import numpy as np
import pytest
import torch
from click.testing import CliRunner, Result
from torch import Tensor
from torch_geometric.data import Data
from torch_geometric.nn import GraphSAGE

import graphkit
from graphkit.cli.main import main
from graphkit.data import GraphDataset, Split, load, write_folder
from graphkit.data.data_settings import DataSettings
from graphkit.errors import InputError
from graphkit.experiments import Predictions, RunFolder
from graphkit.registry import get_model, model_names
from graphkit.transforms import build

GRAPH_MODELS = [name for name in model_names() if get_model(name).reads == "graphs"]
CLIP_MODELS = [name for name in model_names() if get_model(name).reads != "graphs"]
CLASSES = ("blue", "green", "red")
#: Options that keep the models small.
SMALL: dict[str, dict[str, Any]] = {
    "dgcnn": {"k": 3, "hidden_channels": 4, "num_layers": 2},
    "factorgcn": {"hidden_channels": 8, "factors": [2, 2]},
    "spagan": {"hidden_channels": 8, "heads": 2},
}
Fit = Callable[..., RunFolder]


def graph(seed: int, num_nodes: int = 20, classes: int = 3, level: str = "node") -> Data:
    """Returns an undirected graph with edges sorted by target and source."""
    generator = torch.Generator().manual_seed(seed)
    chosen = torch.rand(num_nodes, num_nodes, generator=generator) < 3 / num_nodes
    edge_index = ((chosen | chosen.t()) & ~torch.eye(num_nodes, dtype=torch.bool)).nonzero().t()
    x = torch.randn(num_nodes, 5, generator=generator)
    items = num_nodes if level == "node" else 1
    y = (torch.arange(items) + seed) % classes
    return Data(x=x, edge_index=edge_index.flip(0).contiguous(), y=y)


def graphs(first: int, count: int, level: str = "graph") -> list[Data]:
    return [graph(seed, 6 + seed % 5, 2, level) for seed in range(first, first + count)]


def without_y(data: Data) -> Data:
    return Data(x=data.x, edge_index=data.edge_index)


@pytest.fixture(scope="module")
def fit(tmp_path_factory: pytest.TempPathFactory) -> Fit:
    """Returns a function that trains a small model, once for the same arguments."""

    @cache
    def run(model: str, data: str, **settings: Any) -> RunFolder:
        training: dict[str, Any] = {"node": graph(0, 40), "graph": graphs(0, 30), "nodes": graphs(0, 15, "node")}
        options = {f"model.{key}": value for key, value in SMALL.get(model, {}).items()}
        options |= {key.replace("__", "."): json.loads(value) for key, value in settings.items()}
        output = tmp_path_factory.mktemp("new") / "run"
        return graphkit.fit(model, training[data], epochs=2, output=output, set=options, split="0.6,0.2,0.2")

    return run


def by_hand(run: RunFolder, data: Data | list[Data], transforms: Any = ()) -> np.ndarray:
    """Returns the probabilities of the model of a run for graphs as the training loads them."""
    dataset = load(data, split="0.4,0.3,0.3", transforms=transforms)
    batch = dataset.union() if isinstance(data, list) else dataset.graphs[0]
    with torch.no_grad():
        out: Tensor = run.model(**run.model.inputs(batch))
    return out.softmax(dim=-1).numpy()


@pytest.mark.parametrize("name", GRAPH_MODELS)
def test_models_of_nodes_predict_on_an_unseen_graph(fit: Fit, name: str) -> None:
    run, new = fit(name, "node"), graph(1)
    predictions = run.predict(new)
    assert np.array_equal(predictions.probability, by_hand(run, new)) and predictions.names == ("0", "1", "2")
    assert predictions.ids == tuple(range(20)) and predictions.target.tolist() == [str(y) for y in new.y.tolist()]
    assert predictions.prediction.tolist() == [str(k) for k in predictions.probability.argmax(axis=1)]
    assert predictions.split == () and predictions.graph == ()
    unlabeled = run.predict(without_y(new))
    assert unlabeled.target is None and np.array_equal(unlabeled.probability, predictions.probability)


@pytest.mark.parametrize("name", GRAPH_MODELS)
def test_models_of_graphs_predict_on_unseen_graphs(fit: Fit, name: str) -> None:
    run, new = fit(name, "graph"), graphs(30, 8)
    predictions = run.predict(new)
    assert np.array_equal(predictions.probability, by_hand(run, new)) and len(predictions) == 8
    assert predictions.target.tolist() == [str(int(data.y)) for data in new]
    unlabeled = run.predict([without_y(data) for data in new])
    assert unlabeled.target is None and np.array_equal(unlabeled.probability, predictions.probability)
    alone = run.predict(without_y(new[3]))
    np.testing.assert_allclose(alone.probability, predictions.probability[3:4], atol=1e-6)


@pytest.mark.parametrize("name", GRAPH_MODELS)
def test_models_of_nodes_of_many_graphs(fit: Fit, name: str) -> None:
    run, new = fit(name, "nodes"), graphs(30, 4, "node")
    predictions = run.predict(new)
    assert np.array_equal(predictions.probability, by_hand(run, new))
    counts = [data.num_nodes for data in new]
    assert predictions.ids == tuple(node for count in counts for node in range(count))
    assert predictions.graph == tuple(graph for graph, count in enumerate(counts) for _ in range(count))
    alone = run.predict(without_y(new[2]))
    assert alone.graph == () and len(alone) == counts[2]
    np.testing.assert_allclose(alone.probability, predictions.probability[np.array(predictions.graph) == 2], atol=1e-6)


@pytest.mark.parametrize("name", CLIP_MODELS)
def test_models_of_clips_predict_on_unseen_clips(name: str, tmp_path: Path) -> None:
    options = {"data.num_clips": 30, "model.channels": [4], "model.blocks": [1]}
    run = graphkit.fit(name, "synthetic-skeleton", recipe="none", epochs=1, output=tmp_path / "run", set=options)
    (tmp_path / "clips").mkdir()
    raw, new = (load("synthetic-skeleton", num_clips=12, seed=7, center=center).graphs for center in ("none", "first"))
    for number in range(12):
        np.save(tmp_path / "clips" / f"{number:02d}.npy", raw[number].x.numpy())
    batch = new.batch(range(12))
    with torch.no_grad():
        expected = run.model(batch.x, batch.lengths).softmax(dim=-1).numpy()
    predictions = run.predict(tmp_path / "clips")
    assert np.array_equal(predictions.probability, expected)
    assert predictions.ids == tuple(f"{number:02d}.npy" for number in range(12)) and predictions.target is None


def as_csv(data: Data, folder: Path) -> Path:
    """Writes tables whose rows are in another order than the nodes of the graph."""
    (folder / "tables").mkdir()
    rows = [[f"n{node}", *map(repr, data.x[node].tolist())] for node in range(int(data.num_nodes))]
    for name, head, lines in (
        ("nodes", ["id", *"abcde"], rows[::-1]),
        ("edges", ["source", "target"], [[f"n{s}", f"n{t}"] for s, t in data.edge_index.t().tolist() if s < t]),
    ):
        with (folder / "tables" / f"{name}.csv").open("w", newline="") as file:
            csv.writer(file).writerows([head, *lines])
    return folder / "tables"


def as_networkx(data: Data, named: bool = True) -> networkx.Graph:
    new = networkx.Graph()
    new.add_nodes_from((f"n{node}" if named else node, {"x": row}) for node, row in enumerate(data.x.tolist()))
    new.add_edges_from((f"n{s}", f"n{t}") if named else (s, t) for s, t in data.edge_index.t().tolist())
    return new


def as_graphml(data: Data, folder: Path) -> Path:
    new = as_networkx(data)
    for _, attributes in new.nodes(data=True):
        attributes |= {f"x_{column}": value for column, value in enumerate(attributes.pop("x"))}
    networkx.write_graphml(new, folder / "new.graphml")
    return folder / "new.graphml"


def as_npz(data: Data, folder: Path) -> Path:
    names = np.array([f"n{node}" for node in range(int(data.num_nodes))])
    np.savez(folder / "new.npz", x=data.x.numpy(), edge_index=data.edge_index.numpy(), node_names=names)
    return folder / "new.npz"


def as_pt(data: Data, folder: Path) -> Path:
    torch.save(without_y(data), folder / "new.pt")
    return folder / "new.pt"


def as_arrays(data: Data, folder: Path) -> Path:
    write_folder(folder / "arrays", x=data.x.numpy(), edge_index=data.edge_index.numpy(), y=data.y.numpy())
    return folder / "arrays"


def as_frames(data: Data, folder: Path) -> Any:
    pandas = pytest.importorskip("pandas")
    nodes = pandas.DataFrame(data.x.numpy(), columns=list("abcde"), index=[f"n{k}" for k in range(len(data.x))])
    pairs = [(f"n{s}", f"n{t}") for s, t in data.edge_index.t().tolist()]
    return nodes, pandas.DataFrame(pairs, columns=["source", "target"])


FORMS: dict[str, Callable[[Data, Path], Any]] = {
    "csv": as_csv,
    "graphml": as_graphml,
    "npz": as_npz,
    "pt": as_pt,
    "arrays": as_arrays,
    "networkx": lambda data, folder: as_networkx(data),
    "tensors": lambda data, folder: (data.x, data.edge_index, data.y),
    "frames": as_frames,
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", ["gcn", "spagan"])
def test_all_forms_of_a_graph_give_the_same_predictions(fit: Fit, name: str, form: str, tmp_path: Path) -> None:
    run, new = fit(name, "node"), graph(1)
    expected = by_hand(run, new)
    predictions = run.predict(FORMS[form](new, tmp_path))
    order = [int(str(item).removeprefix("n")) for item in predictions.ids]
    assert sorted(order) == list(range(20))
    if form not in ("csv", "arrays"):  # in another order or in batches, sums over neighbors are rounded differently
        assert np.array_equal(predictions.probability, expected[order])
    np.testing.assert_allclose(predictions.probability, expected[order], atol=1e-6)


def test_all_forms_of_many_graphs_give_the_same_predictions(fit: Fit, tmp_path: Path) -> None:
    run, new = fit("gin", "graph"), graphs(30, 8)
    expected = by_hand(run, new)
    torch.save([without_y(data) for data in new], tmp_path / "new.pt")
    for form in (new, [as_networkx(data, named=False) for data in new], tmp_path / "new.pt"):
        assert np.array_equal(run.predict(form).probability, expected)


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """Returns a function that runs ``graphkit ARGUMENTS`` in an empty folder."""
    monkeypatch.chdir(tmp_path)
    return lambda *arguments: CliRunner().invoke(main, [str(argument) for argument in arguments])


@pytest.mark.parametrize("name", GRAPH_MODELS)
def test_files_of_the_command_joined_by_id(fit: Fit, name: str, command: Callable[..., Result], tmp_path: Path) -> None:
    run, new = fit(name, "node"), graph(1)
    expected = run.predict(new).probability
    path = as_npz(new, tmp_path)
    result = command("predict", run.path, path, "--output", "new.json")
    assert result.exit_code == 0 and result.stdout.splitlines()[-1] == "20 predictions written to new.json"
    assert result.stdout.split()[:4] == ["id", "prediction", "next", "n0"] and "... and 10 more" in result.stdout
    by_id = {row["id"]: row["probabilities"] for row in json.loads((tmp_path / "new.json").read_text())}
    rows = np.array([list(by_id[f"n{node}"].values()) for node in range(20)], dtype=np.float32)
    assert np.array_equal(rows, expected)
    printed = json.loads(command("predict", run.path, path, "--output", "new.csv", "--json").stdout)
    assert printed["predictions"][0]["probabilities"] == by_id["n0"] and printed["problems"] == {}
    with (tmp_path / "new.csv").open(newline="") as file:
        table = {row["id"]: row for row in csv.DictReader(file)}
    for node in range(20):
        assert table[f"n{node}"]["probability_2"] == f"{expected[node, 2]:.6g}"


@pytest.mark.parametrize("level", ["graph", "node"])
def test_several_graph_files_are_many_graphs(
    fit: Fit, level: str, command: Callable[..., Result], tmp_path: Path
) -> None:
    run = fit("gin", "node" if level == "node" else "graph")
    new = [without_y(data) for data in graphs(30, 3)]
    for number, data in enumerate(new):
        (tmp_path / f"{number}").mkdir()
        as_pt(data, tmp_path / f"{number}").rename(tmp_path / f"g{number}.pt")
    expected = run.predict(new)
    files = [tmp_path / f"g{number}.pt" for number in range(3)]
    predictions = run.predict(files)
    assert np.array_equal(predictions.probability, expected.probability)
    assert run.predict(list(map(str, files))).ids == predictions.ids
    (tmp_path / "-g 0,.pt").write_bytes(files[0].read_bytes())
    turned = run.predict([files[2], tmp_path / "-g 0,.pt"])
    assert list(dict.fromkeys(turned.graph or turned.ids)) == ["g2.pt", "-g 0,.pt"]
    assert np.allclose(turned.probability[0], run.predict(files[2]).probability[0], atol=1e-5)
    names = tuple(path.name for path in files)
    assert predictions.ids == (names if level == "graph" else expected.ids)
    assert predictions.graph == tuple(names[graph] for graph in expected.graph)
    (tmp_path / "labels.csv").write_text("file,label\ng1,1\n")
    result = command("predict", run.path, *files, "--output", "new.json")
    assert result.exit_code == 0, result.output
    assert [row["id"] for row in json.loads((tmp_path / "new.json").read_text())] == list(predictions.ids)
    if level == "graph":
        labeled = run.predict([*files, tmp_path / "labels.csv"])
        assert dict(zip(labeled.ids, labeled.target, strict=True)) == {"g0.pt": "", "g1.pt": "1", "g2.pt": ""}
    wrong = (
        ([*files, Path("no.pt")], "no file or folder 'no.pt'"),
        ([*files, files[0]], "got 'g0.pt' twice; rename one"),
    )
    (tmp_path / "g9.txt").touch()
    for paths, message in (*wrong, ([*files, tmp_path / "g9.txt"], "g9.txt': files of the format .txt are not read")):
        with pytest.raises((InputError, FileNotFoundError), match=message):
            run.predict(paths)
    torch.save(Data(x=torch.ones(2, 9), edge_index=torch.tensor([[0], [1]])), tmp_path / "g9.pt")
    with pytest.raises(InputError) as error:
        run.predict([*files, tmp_path / "g9.pt"])
    assert "g9.pt" in str(error.value) and "tmp" not in str(error.value)


def test_models_of_graphs_on_the_command_line(fit: Fit, command: Callable[..., Result], tmp_path: Path) -> None:
    run, new = fit("gin", "graph"), graphs(30, 8)
    torch.save(new, tmp_path / "new.pt")
    assert command("predict", run.path, "new.pt", "--output", "p.json").exit_code == 0
    rows = json.loads((tmp_path / "p.json").read_text())
    assert [row["target"] for row in rows] == [str(int(data.y)) for data in new]
    assert np.array_equal(np.float32([list(row["probabilities"].values()) for row in rows]), by_hand(run, new))


@pytest.mark.parametrize(
    ("name", "transforms"),
    [
        ("spagan", ["shortest-paths"]),
        ("factorgcn", ["self-loops", {"return-probabilities": 3}]),
        ("gcn", ["normalize-features", "degree", "sparse-features"]),
    ],
)
def test_new_graphs_get_the_transforms_of_the_training(fit: Fit, name: str, transforms: list[Any]) -> None:
    new = graph(1)
    run = fit(name, "node", data__transforms=json.dumps(transforms))
    predictions = run.predict(without_y(new))
    assert np.array_equal(predictions.probability, by_hand(run, new, transforms))
    assert not np.array_equal(predictions.probability, fit(name, "node").predict(new).probability)


def test_nodes_that_a_transform_removes_are_problems(fit: Fit) -> None:
    transforms = ["largest-component"]
    run, new = fit("gcn", "node", data__transforms=json.dumps(transforms)), graph(1)
    new.edge_index = new.edge_index[:, (new.edge_index > 2).all(dim=0)]
    kept = build(transforms)(Data(**new.to_dict(), number=torch.arange(20))).number.tolist()  # type: ignore[misc]
    predictions = run.predict(new)
    assert 0 < len(kept) < 20 and predictions.ids == tuple(map(str, kept))
    assert np.array_equal(predictions.probability, by_hand(run, new, transforms))
    assert sorted(map(int, [*predictions.ids, *predictions.problems])) == list(range(20))
    assert set(predictions.problems.values()) == {"removed by the transforms of the training data"}
    many = fit("gcn", "nodes", data__transforms=json.dumps(transforms))
    alone = many.predict(without_y(new))
    several = many.predict([without_y(data) for data in (new, graph(2), new)])
    assert alone.ids == tuple(map(str, kept)) and several.ids[-len(kept) :] == alone.ids
    assert several.graph[-len(kept) :] == (2,) * len(kept)


def test_nodes_of_many_graphs_of_the_run(fit: Fit) -> None:
    run = fit("gin", "nodes")
    predictions, data = run.predict(), graphs(0, 15, "node")
    counts = [one.num_nodes for one in data]
    assert len(predictions) == sum(counts) and predictions.graph[-1] == 14 and predictions.ids[-1] == counts[-1] - 1
    assert np.array_equal(predictions.probability, by_hand(run, data))
    assert predictions.target.tolist() == [str(y) for one in data for y in one.y.tolist()]
    by_graph = dict(zip(predictions.graph, predictions.split, strict=True))
    for part in ("train", "val", "test"):
        assert [graph for graph, split in by_graph.items() if split == part] == sorted(
            getattr(run.split, part).tolist()
        )
    row = next(predictions.rows())
    assert list(row) == ["graph", "id", "split", "prediction", "probabilities", "target"]


@pytest.mark.parametrize("level", ["node", "graph"])
def test_regressions_predict_in_units_of_the_data(level: str, tmp_path: Path) -> None:
    def with_targets(data: Data, seed: int) -> Data:
        y = (50 + 10 * torch.randn(len(data.y), 2, generator=torch.Generator().manual_seed(seed))).round(decimals=1)
        y[0, 1] = torch.nan if seed % 3 == 0 else y[0, 1]
        return Data(x=data.x, edge_index=data.edge_index, y=y)

    train: Any = with_targets(graph(0, 40), 0)
    new: Any = with_targets(graph(1), 3)
    if level == "graph":
        train, new = (
            [with_targets(data, seed) for seed, data in enumerate(graphs(*ids))] for ids in ((0, 30), (30, 8))
        )
    run = graphkit.fit(
        "gcn", train, task=f"{level}-regression", epochs=40, output=tmp_path / "run", split="0.6,0.2,0.2"
    )
    own, predictions = run.predict(), run.predict(new)
    y = torch.cat([data.y for data in train]) if level == "graph" else train.y
    assert own.probability is None and own.prediction.shape == tuple(y.shape) and own.names == ("0", "1")
    np.testing.assert_array_equal(own.target, y.double().numpy().round(1))
    assert abs(own.prediction[:, 0].mean() - 50) < 10
    tested = np.array(own.split) == "test"
    error = np.nanmean(np.abs(own.prediction - own.target)[tested])
    assert run.result["metric"] == "mae" and error == pytest.approx(run.result["test"]["mean"], rel=1e-5)
    dataset = load(new, split="0.4,0.3,0.3", task=f"{level}-regression")
    batch = dataset.union() if level == "graph" else dataset.graphs[0]
    with torch.no_grad():
        out = run.model(**run.model.inputs(batch)).double()
    trained = y[run.split.train].double()
    mean, std = (torch.tensor(f(trained.numpy(), axis=0)) for f in (np.nanmean, np.nanstd))
    np.testing.assert_allclose(predictions.prediction, (out * std + mean).numpy(), rtol=1e-6)
    predictions.to_csv(tmp_path / "new.csv")
    with (tmp_path / "new.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["id", "prediction_0", "prediction_1", "target_0", "target_1"]
    assert rows[0]["target_1"] == "" and float(rows[3]["prediction_1"]) == float(predictions.prediction[3, 1])
    targets = next(predictions.rows())["targets"]
    assert targets["1"] is None and targets["0"] == float(predictions.target[0, 0])


def test_new_graphs_get_the_mean_over_the_folds_of_the_first_seed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = DataSettings.load

    def folds(settings: DataSettings, seed: int) -> GraphDataset:
        ids = torch.arange(30)
        splits = tuple(Split(ids[ids % 3 != k], ids[:0], ids[ids % 3 == k]) for k in range(3))
        return read(settings, seed).replace(splits=splits, protocol="fold")

    monkeypatch.setattr(DataSettings, "load", folds)
    run, new = graphkit.fit("gin", graphs(0, 30), epochs=1, seeds=2, output=tmp_path / "run"), graphs(30, 4)
    first = [fit for fit in run.fits if fit.config.seed == 0]
    assert len(first) == 3 and len(run.fits) == 6
    expected = torch.stack([torch.from_numpy(by_hand(fit, new)) for fit in first]).mean(dim=0).numpy()
    predictions = run.predict(new)
    assert np.array_equal(predictions.probability, expected)
    assert predictions.prediction.tolist() == [str(k) for k in expected.argmax(axis=1)]
    held_out = run.predict()
    assert held_out.split == tuple(f"fold-{k % 3}" for k in range(30)) and held_out.ids == tuple(range(30))


def test_the_best_seed_on_validation_predicts(tmp_path: Path) -> None:
    run = graphkit.fit("gcn", graph(0, 40), epochs=3, seeds=3, output=tmp_path / "run", split="0.4,0.3,0.3")
    predictions = run.predict(graph(1))
    expected = [by_hand(fit, graph(1)) for fit in run.fits]
    assert [np.array_equal(predictions.probability, one) for one in expected].index(True) == run.fits.index(run.best)


def test_batches_of_nodes_are_used_for_new_graphs_too(fit: Fit, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes: list[Any] = []
    from graphkit.experiments import predict

    node_loader = predict.node_loader

    def seen(*arguments: Any) -> Any:
        sizes.append(arguments[-1])
        return node_loader(*arguments)

    monkeypatch.setattr(predict, "node_loader", seen)
    run = fit("gin", "node", train__batch_size="7")
    np.testing.assert_allclose(run.predict(graph(1)).probability, by_hand(run, graph(1)), atol=1e-6)
    many = fit("gin", "nodes", train__batch_size="2")  # two graphs, and not two nodes of one
    many.predict(without_y(graph(1))), many.predict(graphs(1, 3, "node"))
    assert sizes == [7, None, 2]


def labeled(data: Data, y: list[Any]) -> Data:
    return Data(x=data.x, edge_index=data.edge_index, y=torch.tensor(y))


@pytest.mark.parametrize(
    ("model", "data", "new", "message"),
    [
        (
            "gcn",
            "node",
            lambda: Data(x=torch.ones(3, 7), edge_index=torch.tensor([[0], [1]])),
            "5 features, as in the trai",
        ),
        ("gcn", "node", lambda: labeled(graph(1), [7] * 20), "a class of the training data, 0, 1, 2 .got '7'.;"),
        (
            "gcn",
            "node",
            lambda: Data(**graph(1).to_dict(), edge_weight=torch.ones(graph(1).num_edges)),
            "no edge weights",
        ),
        ("gin", "graph", lambda: Path("nowhere.pt"), "there is no file or folder 'nowhere.pt'"),
        ("gin", "graph", lambda: "nowhere", "nowhere"),
        ("gin", "graph", lambda: "karate", "expected data for graph-classification, as the training data, got node-cl"),
        ("gcn", "node", lambda: "karate", "expected the outputs of the training data .0, 1, 2., got 0, 1, 2, 3; give"),
        ("gin", "graph", lambda: 5, "int"),
    ],
)
def test_new_data_that_do_not_fit_are_one_line(
    fit: Fit, model: str, data: str, new: Callable[[], Any], message: str
) -> None:
    with pytest.raises((InputError, FileNotFoundError), match=message) as error:
        fit(model, data).predict(new())
    assert "\n" not in str(error.value)


def test_wrong_commands_are_one_line_and_write_nothing(
    fit: Fit, command: Callable[..., Result], tmp_path: Path
) -> None:
    run = fit("gcn", "node").path
    as_npz(graph(1), tmp_path)
    np.savez(tmp_path / "narrow.npz", x=np.ones((3, 2), "f4"), edge_index=np.array([[0], [1]]))
    (tmp_path / "started").mkdir()
    (tmp_path / "started" / "config.yaml").write_text((run / "config.yaml").read_text())
    for arguments, message in (
        (("started", "new.npz"), "the run 'started' has not ended; continue it with: graphkit train --resume"),
        ((run, "new.npz", "absent.npz"), "there is no file or folder 'absent.npz'; check the path"),
        ((run, "narrow.npz"), "5 features, as in the training data"),
        ((run, "absent.npz"), "there is no file or folder 'absent.npz'"),
        ((run, "new.npz", "--output", "preds.txt"), "`output` must end in .csv or .json (got 'preds.txt'); rename it"),
        ((run, "new.npz", "--output", "no/preds.csv"), "there is no folder 'no'"),
        (("nowhere", "new.npz"), "nowhere"),
    ):
        result = command("predict", *arguments)
        assert result.exit_code == 2 and message in result.stderr and result.stderr.count("\n") == 1, result.stderr
    assert not list(tmp_path.glob("preds*")) and not list(tmp_path.glob("*.part"))


def test_training_data_need_not_be_there(tmp_path: Path) -> None:
    torch.save(graph(0, 40), tmp_path / "train.pt")
    run = graphkit.fit("gcn", tmp_path / "train.pt", epochs=1, output=tmp_path / "run", split="0.6,0.2,0.2")
    expected = by_hand(run, graph(1))
    (tmp_path / "train.pt").unlink()
    assert np.array_equal(graphkit.open_run(run.path).predict(graph(1)).probability, expected)
    (run.path / "schema.json").write_text("{}")
    with pytest.raises(InputError, match=r"schema\.json' is damaged \(`name`: Field required\)"):
        graphkit.open_run(run.path).predict(graph(1))
    (run.path / "schema.json").unlink()  # as in runs of earlier versions
    with pytest.raises(FileNotFoundError, match="the training data of the run '.*run' define its classes: there is no"):
        graphkit.open_run(run.path).predict(graph(1))


def test_own_molecules_join_to_all_rows(command: Callable[..., Result], tmp_path: Path) -> None:
    pytest.importorskip("rdkit")
    smiles = ["CCO", "CCN", "CCC", "c1ccccc1", "CC(=O)O", "CCCl", "CO", "CN", "CCCC", "C1CC1"] * 3
    for name, rows in (("train", smiles), ("new", ["CCO", "no molecule", "", *smiles[:7]])):
        lines = [f"m{number},{text},{len(text)}.5" for number, text in enumerate(rows)]
        (tmp_path / f"{name}.csv").write_text("\n".join(["id,smiles,logS", *lines]) + "\n")
    options = ("--smiles", "smiles", "--target", "logS", "--epochs", "1", "--quiet", "--output", "run")
    result = command("train", "--model", "gin", "--dataset", "train.csv", *options)
    assert result.exit_code == 0, result.output
    result = command("predict", "run", "new.csv", "--output", "new.csv.json")
    assert result.exit_code == 1 and result.stderr.count("Error: ") == 2, result.output
    assert result.stdout.splitlines()[-1] == "8 predictions and 2 rows without a prediction written to new.csv.json"
    rows = json.loads((tmp_path / "new.csv.json").read_text())
    assert sorted(row["id"] for row in rows) == [f"m{number}" for number in range(10)]
    assert [row["id"] for row in rows if "problem" in row] == ["m1", "m2"]
    assert rows[0]["targets"] == {"logS": 3.5}
    assert result.stdout.splitlines()[0].split() == ["id", "logS", "target"] and " 3.5\n" in result.stdout


def test_the_object(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    probability = np.array([[0.25, 0.75], [0.5, 0.5]], dtype=np.float32)
    one = Predictions(("a", "b"), np.array(["no", "yes"]), probability, np.array(["", "yes"]), ("no", "yes"),
                      problems={"=c": "is no clip"})  # fmt: skip
    assert len(one) == 2 and repr(one) == "Predictions(2 items, 2 classes, 1 problems)"
    one.save(tmp_path / "p.csv")
    one.to_csv(tmp_path / "p.txt")
    text = "id,prediction,probability_no,probability_yes,target,problem\na,no,0.25,0.75,,\nb,yes,0.5,0.5,yes,\n"
    assert (tmp_path / "p.csv").read_text() == (tmp_path / "p.txt").read_text() == f"{text}'=c,,,,,is no clip\n"
    one.to_json(tmp_path / "p")
    rows = json.loads((tmp_path / "p").read_text())
    assert rows[0]["target"] is None and rows[2] == {"id": "=c", "problem": "is no clip"} and len(rows) == 3
    with pytest.raises(InputError, match="must end in .csv or .json"):
        one.save(tmp_path / "p.txt")
    with pytest.raises(InputError, match="the predictions cannot be written to"):
        one.to_csv(tmp_path)
    labels = Predictions((0,), np.array([[0, 1]]), probability[:1], np.array([[np.nan, 1.0]]), ("u", "v"))
    assert repr(labels) == "Predictions(1 items, 2 labels)"
    assert next(labels.rows())["targets"] == {"u": None, "v": 1.0}
    monkeypatch.setitem(__import__("sys").modules, "pandas", None)
    with pytest.raises(ImportError, match="a DataFrame needs pandas; run: pip install pandas"):
        one.to_pandas()


def test_a_frame_has_the_columns_of_the_table(fit: Fit) -> None:
    pytest.importorskip("pandas")
    predictions = fit("gcn", "node").predict()
    frame = predictions.to_pandas()
    names = ["id", "split", "prediction", "probability_0", "probability_1", "probability_2", "target"]
    assert list(frame.columns) == names and len(frame) == 40
    assert np.array_equal(frame[names[3:6]].to_numpy(dtype=np.float32), predictions.probability)


def test_models_of_the_user_predict_on_unseen_graphs(tmp_path: Path) -> None:
    def make(in_channels: int, out_channels: int) -> torch.nn.Module:
        return GraphSAGE(in_channels, 8, 2, out_channels)

    for train, new in ((graph(0, 40), graph(1)), (graphs(0, 15, "node"), graphs(30, 4, "node"))):
        output = tmp_path / type(train).__name__
        run = graphkit.fit(make, train, epochs=2, output=output, split="0.6,0.2,0.2")
        expected = by_hand(run, new)
        assert np.array_equal(run.predict(new).probability, expected)
        assert np.array_equal(graphkit.open_run(output, make).predict(new).probability, expected)


def test_features_on_disk_are_read_in_batches(tmp_path: Path) -> None:
    for name, data in (("train", graph(0, 40)), ("new", graph(1))):
        (tmp_path / name).mkdir()
        as_arrays(data, tmp_path / name)
    run = graphkit.fit("gcn", tmp_path / "train" / "arrays", epochs=2, output=tmp_path / "run", split="0.6,0.2,0.2")
    assert run.dataset.mapped
    for new in (tmp_path / "new" / "arrays", graph(1), as_npz(graph(1), tmp_path)):
        np.testing.assert_allclose(run.predict(new).probability, by_hand(run, graph(1)), atol=1e-6)
