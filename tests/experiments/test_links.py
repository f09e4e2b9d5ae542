"""Link prediction: training, leakage, mini-batches, resume, evaluation and comparison."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch_geometric.data import Data
from torch_geometric.nn import SAGEConv

import graphkit
from graphkit.data import link_dataset
from graphkit.data.link_dataset import LinkDataset
from graphkit.data.non_edges import pair_keys
from graphkit.experiments import compare_runs, evaluate_run, open_run
from graphkit.nn.model_settings import model_settings_class
from graphkit.nn.models.link_model import LinkModel
from graphkit.sampling.link_loader import LinkLoader, without_edges
from graphkit.testing import random_graph
from graphkit.training.batches import Batches
from graphkit.training.interrupt import Interrupted
from graphkit.training.node_batches import node_loader
from tests.experiments.test_run import StopAt, weights
from tests.fitting import fit, load_dataset, resolve, resume, train_config

CONFIG: dict[str, Any] = {
    "model": {"name": "gcn", "hidden_channels": 8, "embedding_channels": 4},
    "data": {"name": "karate", "task": "link-prediction", "hard_negatives": 10},
    "train": {"epochs": 4, "lr": 0.02},
}
BATCHES: dict[str, Any] = {
    "data": {"name": "sbm-continual", "num_classes": 3, "size": 30, "noise": 1.0},
    "train": {"batch_size": 20, "epochs": 3},
}
FLOORS = {"common-neighbors", "adamic-adar", "preferential-attachment", "katz", "feature-cosine"}


def same(one: Path, other: Path) -> bool:
    first, second = weights(one), weights(other)
    return first.keys() == second.keys() and all(torch.equal(first[key], second[key]) for key in first)


def unrelated(num_nodes: int = 3000, num_edges: int = 3000) -> Data:
    """Returns a random graph, whose edges have no relation to each other or to the features.

    Ends of random edges have one edge more than other nodes, which the split removes for test edges.
    """
    edges = torch.randint(num_nodes, (2, num_edges), generator=torch.Generator().manual_seed(0))
    x = torch.randn(num_nodes, 64, generator=torch.Generator().manual_seed(1))
    return Data(x=x, edge_index=torch.cat([edges, edges.flip(0)], dim=1))


def test_result_has_all_metrics_and_floors(tmp_path: Path) -> None:
    result = fit(CONFIG, tmp_path / "run")
    assert result["task"] == "link-prediction" and result["metric"] == "roc-auc"
    metrics = {"roc-auc", "average-precision", "mrr", "hits@10", "hits@50", "hard-mrr", "hard-hits@10"}
    assert set(result["scores"]) == metrics and set(result["floors"]) == FLOORS - {"feature-cosine"}  # one-hot ids
    assert all(set(entry) == metrics for entry in result["floors"].values())
    again = evaluate_run(open_run(tmp_path / "run"))
    for key in ("test", "validation", "scores", "floors"):
        assert again[key] == result[key]


def test_test_edges_change_no_weight(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fit(CONFIG, tmp_path / "true")
    split = link_dataset.split_links

    def shuffled(*args: Any, **options: Any) -> LinkDataset:
        links = split(*args, **options)
        pairs, test = links.pairs.clone(), links.splits[0].test
        pairs[1, test] = pairs[1, test[torch.randperm(test.numel())]]
        return replace(links, pairs=pairs)

    monkeypatch.setattr("graphkit.data.loading.split_links", shuffled)
    fit(CONFIG, tmp_path / "shuffled")
    files = [load_file(tmp_path / name / "model.safetensors") for name in ("true", "shuffled")]
    assert all(torch.equal(files[0][key], files[1][key]) for key in files[0])
    monkeypatch.undo()
    results = [open_run(tmp_path / name).result for name in ("true", "shuffled")]
    assert results[0]["scores"] != results[1]["scores"] and results[0]["floors"] != results[1]["floors"]


@pytest.mark.extended
def test_a_planted_graph_scores_as_chance_and_a_leak_as_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    options: dict[str, Any] = {"task": "link-prediction", "epochs": 10, "set": {"data.hard_negatives": 4}}
    honest = graphkit.fit("gcn", unrelated(), output=tmp_path / "honest", **options).result
    assert honest["test"]["mean"] == pytest.approx(0.5, abs=0.06)
    assert honest["floors"]["katz"]["roc-auc"] == pytest.approx(0.5, abs=0.06)
    split = link_dataset.split_links

    def leaking(dataset: Any, *args: Any, **more: Any) -> LinkDataset:
        return replace(split(dataset, *args, **more), graphs=dataset.graphs)

    monkeypatch.setattr("graphkit.data.loading.split_links", leaking)
    leak = graphkit.fit("gcn", unrelated(), output=tmp_path / "leak", **options).result
    assert leak["test"]["mean"] > 0.85 and leak["floors"]["katz"]["roc-auc"] > 0.99


@pytest.mark.parametrize("batch_size", [None, 16])
def test_supervised_edges_are_no_messages(batch_size: int | None) -> None:
    config = train_config(resolve(CONFIG, BATCHES))
    dataset = load_dataset(config)
    assert isinstance(dataset, LinkDataset)
    model = config.model.make(dataset)
    from graphkit.training.node_batches import node_loader

    nodes = node_loader(model, dataset, batch_size)
    ids, num_nodes = dataset.splits[0].train, int(dataset.graphs[0].num_nodes or 0)
    batches = [*LinkLoader(dataset, ids, batch_size or 64, torch.Generator().manual_seed(0), nodes)]
    assert len(batches) == (1 if batch_size is None else -(-ids.numel() // batch_size))
    train = pair_keys(dataset.pairs[:, ids], num_nodes, False)
    supervised = []
    for batch in batches:
        n_id = batch.get("n_id", torch.arange(num_nodes))
        edges = pair_keys(n_id[batch.edge_index.as_tensor()], num_nodes, False)
        pairs, is_edge = pair_keys(n_id[batch.pair_index], num_nodes, False), batch.y[:, 0] == 1
        assert not bool(torch.isin(edges, pairs[is_edge]).any())
        assert bool(torch.isin(pairs[is_edge], train).all()) and not bool(torch.isin(pairs[~is_edge], train).any())
        assert int(is_edge.sum()) * 2 == is_edge.numel()
        supervised.append(pairs[is_edge])
    if batch_size is not None:  # an epoch has every training edge once
        assert torch.equal(torch.cat(supervised).sort().values, train.sort().values)


def test_paths_over_removed_edges_are_removed() -> None:
    edges = torch.tensor([[0, 1, 1, 2], [1, 0, 2, 1]])
    data = Data(edge_index=edges, num_nodes=3, edge_weight=torch.arange(4.0))
    data.path_index_1, data.path_index_2 = edges, torch.tensor([[0, 2], [1, 1], [2, 0]])
    data.path_attr_1, data.path_attr_2 = torch.arange(4.0)[:, None], torch.arange(4.0, 6.0)[:, None]
    less = without_edges(data, torch.tensor([False, False, True, False]))  # 1 -> 2
    assert less.edge_index.as_tensor().t().tolist() == [[0, 1], [1, 0], [2, 1]]
    assert less.edge_weight.tolist() == [0, 1, 3] and data.num_edges == 4
    assert less.path_index_1.t().tolist() == [[0, 1], [1, 0], [2, 1]]
    assert less.path_index_2.t().tolist() == [[2, 1, 0]]
    assert less.path_attr_1.flatten().tolist() == [0, 1, 3] and less.path_attr_2.tolist() == [[5]]
    assert data.path_attr_1.size(0) == 4


def test_batches_of_links_hold_the_edge_features_of_their_paths() -> None:
    edges, generator = random_graph(30, 60), torch.Generator().manual_seed(0)
    edges = torch.cat([edges, edges.flip(0)], dim=1).unique(dim=1)
    data = Data(x=torch.randn(30, 5, generator=generator), edge_index=edges, y=torch.arange(30) % 2)
    data.edge_attr = torch.randn(edges.size(1), 3, generator=generator)
    dataset = graphkit.load(data, task="link-prediction")
    model = model_settings_class("spagan").read({"name": "spagan", "dropout": 0.0}).make(dataset)
    model.network.begin_phase(dataset.graphs[0])
    loader = LinkLoader(dataset, dataset.splits[0].train, 8, generator, node_loader(model.network, dataset, 8))
    for batch in loader:
        assert batch.path_attr_2.shape == (batch.path_index_2.size(1), 3)
        assert model(**model.inputs(batch)).shape == batch.y[:, 0].shape


@pytest.mark.parametrize("layer", [{}, BATCHES], ids=["whole", "batches"])
def test_resume_to_the_bit(tmp_path: Path, layer: dict[str, Any]) -> None:
    config = resolve(CONFIG, layer)
    fit(config, tmp_path / "whole")
    with pytest.raises(Interrupted):
        fit(config, tmp_path / "parts", StopAt("gcn", 2))
    resume(tmp_path / "parts")
    assert same(tmp_path / "whole", tmp_path / "parts")
    one, other = (open_run(tmp_path / name).result["test"] for name in ("whole", "parts"))
    assert one == other


@pytest.mark.parametrize("name", ["mlp", "gat", "gatv2", "gin", "gine", "sage", "spagan", "factorgcn"])
@pytest.mark.parametrize("layer", [{}, BATCHES], ids=["whole", "batches"])
def test_every_model_of_nodes_is_an_encoder(tmp_path: Path, name: str, layer: dict[str, Any]) -> None:
    options = {"hidden_channels": 8} | ({"heads": 2} if name == "spagan" else {})
    config = {
        **resolve(CONFIG, layer),
        "model": {"name": name, **options},
        "train": {"epochs": 2, **({} if not layer else {"batch_size": 40})},
    }
    result = fit(config, tmp_path / "run")
    assert 0 < result["test"]["mean"] < 1
    run = open_run(tmp_path / "run")
    assert isinstance(run.model, LinkModel)
    if layer:  # batches of subgraphs evaluate as the whole graph
        batches = Batches(run.dataset, run.split.test, None, torch.device("cpu"))
        from graphkit.training.loop import collect

        assert collect(run.model, batches)[0].shape == run.split.test.shape
        whole = run.with_dataset(run.dataset)
        whole.config = replace(run.config, train=replace(run.config.train, batch_size=None))
        assert evaluate_run(whole)["test"]["mean"] == pytest.approx(result["test"]["mean"], abs=1e-5)


class Sage(torch.nn.Module):
    """Model of the user."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.conv = SAGEConv(in_channels, out_channels)

    def forward(self, x: torch.Tensor, edge_index: torch.Tensor) -> torch.Tensor:
        """Returns the embeddings."""
        return self.conv(x, edge_index)


def test_own_models_are_encoders(tmp_path: Path) -> None:
    run = graphkit.fit(Sage, "karate", task="link-prediction", epochs=2, output=tmp_path / "run")
    assert run.result["test"] is not None
    opened = open_run(tmp_path / "run", model=Sage)
    assert evaluate_run(opened)["test"] == run.result["test"]
    with pytest.raises(graphkit.errors.InputError, match="shape"):
        graphkit.fit(torch.nn.Linear(34, 3), "karate", task="link-prediction", epochs=1, output=tmp_path / "wrong")


@pytest.mark.parametrize("decoder", ["dot", "distance", "mlp"])
def test_only_the_perceptron_distinguishes_directions(decoder: str) -> None:
    edges = torch.randint(30, (2, 120), generator=torch.Generator().manual_seed(0))
    dataset = graphkit.load(Data(x=torch.randn(30, 5), edge_index=edges), task="link-prediction", directed=True)
    assert isinstance(dataset, LinkDataset) and dataset.directed
    model = train_config({**CONFIG, "model": {"name": "gcn", "decoder": decoder}}).model.make(dataset).eval()
    data = dataset.graphs[0]
    data.pair_index = torch.tensor([[0, 1], [1, 0]])
    one, other = model(**model.inputs(data)).tolist()
    assert (one == pytest.approx(other)) is (decoder != "mlp")


@pytest.mark.extended
def test_seeds_have_their_own_split_and_are_compared(tmp_path: Path) -> None:
    layer = {"seeds": 3, "train": {"epochs": 2}}
    for name in ("gcn", "mlp"):
        fit({**resolve(CONFIG, layer), "model": {"name": name}}, tmp_path / name)
    runs = [open_run(tmp_path / name) for name in ("gcn", "mlp")]
    test_pairs = [fit.dataset.pairs[:, fit.split.test] for fit in runs[0].members]
    assert not torch.equal(test_pairs[0][:, :5], test_pairs[1][:, :5])
    for one, other in zip(runs[0].members, runs[1].members, strict=True):
        assert torch.equal(one.dataset.pairs, other.dataset.pairs)
    assert compare_runs(runs)["runs"][1]["against_first"]["pairs"] == 3
    fixed = resolve(CONFIG, layer, {"data": {"split": [0.8, 0.1, 0.1]}})
    fit(fixed, tmp_path / "fixed")
    members = open_run(tmp_path / "fixed").members
    assert torch.equal(members[0].dataset.pairs, members[1].dataset.pairs)


@pytest.mark.extended
def test_python_equals_the_shell(tmp_path: Path) -> None:
    from click.testing import CliRunner

    from graphkit.cli.main import main

    line = (
        "train --model gcn --dataset karate --task link-prediction --epochs 3 --set model.decoder=mlp --quiet --output"
    )
    outcome = CliRunner().invoke(main, [*line.split(), str(tmp_path / "shell")])
    assert outcome.exit_code == 0, outcome.output
    for name in (*FLOORS - {"feature-cosine"}, "hard-mrr"):
        assert name in outcome.output
    options: dict[str, Any] = {"task": "link-prediction", "epochs": 3, "set": {"model.decoder": "mlp"}}
    graphkit.fit("gcn", "karate", output=tmp_path / "python", **options)
    assert same(tmp_path / "shell", tmp_path / "python")
    configs = [(tmp_path / name / "config.yaml").read_text() for name in ("shell", "python")]
    assert configs[0] == configs[1]


def test_selection_by_hard_negatives(tmp_path: Path) -> None:
    result = fit(resolve(CONFIG, {"train": {"metric": "hard-mrr"}}), tmp_path / "run")
    assert result["metric"] == "hard-mrr" and 0 < result["validation"]["mean"] < 1
