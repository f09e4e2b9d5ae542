"""Models of the user: called with arguments by name, copied, refused in one line, needed again to open a run."""

import os
import signal
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from click.testing import CliRunner
from torch_geometric.data import Data
from torch_geometric.nn import (
    GAT,
    GCN,
    GCNConv,
    GraphSAGE,
    Sequential,
    SGConv,
    global_add_pool,
)

import graphkit
from graphkit import Callback
from graphkit.cli.main import main
from graphkit.errors import InputError
from graphkit.experiments import Interrupted, build_config, resume
from graphkit.nn import GCN as RegisteredGCN
from graphkit.nn.models.custom import CustomModel
from graphkit.nn.sync_batch_norm import check_norms
from graphkit.report import report

GRAPHS = {"data.num_graphs": 30, "data.seed": 0, "train.batch_size": 8}


class Pooled(torch.nn.Module):
    """Network of graphs with all kinds of state: batch norm, dropout and a tied weight."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.conv, self.norm = GCNConv(in_channels, 8), torch.nn.BatchNorm1d(8)
        self.head, self.tied = torch.nn.Linear(8, out_channels), torch.nn.Linear(8, out_channels)
        self.tied.weight = self.head.weight

    def forward(self, x: torch.Tensor, edge_index: torch.Tensor, batch: torch.Tensor, num_graphs: int) -> torch.Tensor:
        x = torch.nn.functional.dropout(self.norm(self.conv(x, edge_index)).relu(), 0.2, self.training)
        x = global_add_pool(x, batch, num_graphs)
        return self.head(x) + self.tied(x)


class OnData(torch.nn.Module):
    """Network that takes the graph itself, which has neither targets nor masks."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.conv = GCNConv(in_channels, out_channels)

    def forward(self, data: Data) -> torch.Tensor:
        assert not {"y", "train_mask", "val_mask", "test_mask"} & {*data.keys()}  # noqa: SIM118
        return self.conv(data.x, data.edge_index)


def make_gcn(in_channels: int, out_channels: int) -> torch.nn.Module:
    return GCN(in_channels, 8, 2, out_channels)


NODE_MODELS = {
    "gcn": GCN(34, 8, 2, 4, dropout=0.3),
    "sage-lazy": GraphSAGE(-1, 8, 2, 4),
    "gat": GAT(34, 8, 2, 4),
    "mlp": torch.nn.Sequential(torch.nn.Linear(34, 8), torch.nn.ReLU(), torch.nn.Linear(8, 4)),
    "sequential": Sequential("x, edge_index", [(GCNConv(34, 4), "x, edge_index -> x")]),
    "cached": SGConv(34, 4, K=2, cached=True),
    "data": OnData(34, 4),
    "function": make_gcn,
    "lambda": lambda in_channels, out_channels: GCN(in_channels, 4, 2, out_channels),
}


def weights(module: torch.nn.Module) -> dict[str, torch.Tensor]:
    return {k: v.clone() for k, v in module.state_dict().items() if not torch.nn.parameter.is_lazy(v)}


@pytest.mark.parametrize("name", NODE_MODELS)
def test_a_model_of_nodes_is_trained_and_opened_again(name: str, tmp_path: Path) -> None:
    model: Any = NODE_MODELS[name]
    before = weights(model) if isinstance(model, torch.nn.Module) else {}
    run = graphkit.fit(model, "karate", epochs=15, output=tmp_path / "run")
    losses = [row["loss"] for row in run.metrics]
    assert losses[-1] < losses[0]  # type: ignore[operator]
    assert all(torch.equal(value, weights(model)[key]) for key, value in before.items())
    again = graphkit.open_run(run.path, model=model)
    assert again.evaluate("cpu")["test"] == run.result["test"]
    data = again.dataset.graphs[0]
    module = again.model.module
    assert isinstance(module, torch.nn.Module) and not isinstance(module, CustomModel)
    plain = Data(x=data.x, edge_index=data.edge_index.as_tensor())
    arguments = {"data": (plain,), "mlp": (data.x,)}.get(name, (plain.x, plain.edge_index))
    with torch.no_grad():
        assert torch.equal(module(*arguments), again.model(**again.model.inputs(data)))
    predictions = again.predict(device="cpu")
    assert list(map(int, predictions.prediction)) == module(*arguments).argmax(dim=1).tolist()


def test_class_is_written_and_the_object_is_not(tmp_path: Path) -> None:
    run = graphkit.fit(make_gcn, "karate", epochs=1, seeds=2, output=tmp_path / "run")
    section = yaml.safe_load((run.path / "config.yaml").read_text())["model"]
    assert section == {"name": "custom", "class": f"{__name__}.make_gcn"}
    assert run.result["model"] == "custom" and len(run.fits) == 2
    first, second = (fit.model.module for fit in run.fits)
    assert not torch.equal(first.convs[0].lin.weight, second.convs[0].lin.weight)
    readout = graphkit.fit(
        make_gcn, "factor-graphs", epochs=1, set={**GRAPHS, "model.readout": "sum"}, output=tmp_path / "graphs"
    )
    section = yaml.safe_load((readout.path / "config.yaml").read_text())["model"]
    assert section == {"name": "custom", "class": f"{__name__}.make_gcn", "readout": "sum"}
    assert graphkit.open_run(readout.path, model=make_gcn).evaluate("cpu")["test"] == readout.result["test"]


def test_same_initial_weights_for_every_fit_of_a_module(tmp_path: Path) -> None:
    model = GCN(34, 8, 2, 4)
    first, second = (graphkit.fit(model, "karate", epochs=3, output=tmp_path / name).model for name in "ab")
    assert all(torch.equal(value, second.state_dict()[key]) for key, value in first.state_dict().items())


def test_scores_of_a_registered_model_given_as_an_object(tmp_path: Path) -> None:
    named = graphkit.fit("gcn", "karate", epochs=5, set={"model.hidden_channels": 8}, output=tmp_path / "named")

    def make(in_channels: int, out_channels: int) -> torch.nn.Module:
        return RegisteredGCN(in_channels, out_channels, hidden_channels=8, input_dropout=0.0)  # of one-hot features

    given = graphkit.fit(make, "karate", epochs=5, output=tmp_path / "given")
    assert given.result["test"] == named.result["test"]
    assert [row["loss"] for row in given.metrics] == [row["loss"] for row in named.metrics]
    batches = graphkit.fit(make, "karate", epochs=1, batch_size=4, output=tmp_path / "batches")
    assert type(batches.model) is RegisteredGCN


class Press(Callback):
    """Presses Ctrl-C when an epoch ends."""

    def on_epoch(self, fit: Any, row: Any) -> None:
        if row["epoch"] == 3:
            os.kill(os.getpid(), signal.SIGINT)


@pytest.mark.parametrize("source", [Pooled, Pooled(15, 4)], ids=["class", "module"])
def test_resume_needs_the_object_and_gives_the_same_bits(source: Any, tmp_path: Path) -> None:
    settings: dict[str, Any] = {"epochs": 6, "set": GRAPHS}
    reference = graphkit.fit(source, "factor-graphs", output=tmp_path / "reference", **settings)
    with pytest.raises(Interrupted):
        graphkit.fit(source, "factor-graphs", output=tmp_path / "run", callbacks=[Press()], **settings)
    message = "which a run folder does not hold; give it again: .*resume.RUN, model"
    with pytest.raises(InputError, match=message):
        resume(tmp_path / "run")
    shell = CliRunner().invoke(main, ["train", "--resume", str(tmp_path / "run")])
    assert shell.exit_code == 2 and "give it again" in shell.output and shell.output.count("\n") == 1
    with pytest.raises(InputError, match="must be the one of the run, `.*Pooled` .got `.*GCN`.; give that one"):
        resume(tmp_path / "run", model=GCN(15, 8, 2, 4))
    resume(tmp_path / "run", model=source)
    run = graphkit.open_run(tmp_path / "run", model=source)
    assert run.result["test"] == reference.result["test"]
    assert all(torch.equal(value, reference.model.state_dict()[key]) for key, value in run.model.state_dict().items())
    rows = [[{**row, "seconds": 0} for row in folder.metrics] for folder in (run, reference)]
    assert rows[0] == rows[1]


def test_an_ended_run_without_its_object(tmp_path: Path) -> None:
    run = graphkit.fit(make_gcn, "karate", epochs=2, output=tmp_path / "run")
    opened = graphkit.open_run(run.path)
    assert opened.result == run.result and opened.metrics == run.metrics
    assert report(run.path).is_file()  # without figures of the model
    for read in (lambda: opened.model, opened.evaluate, opened.predict):
        with pytest.raises(InputError, match="`.*make_gcn`, which a run folder does not hold; give it again"):
            read()

    def make_gcn_(in_channels: int, out_channels: int) -> torch.nn.Module:
        return GCN(in_channels, 16, 2, out_channels)

    make_gcn_.__qualname__ = "make_gcn"
    with pytest.raises(InputError, match="do not fit the model: 'module.convs.0.bias' should have shape"):
        graphkit.open_run(run.path, model=make_gcn_).model  # noqa: B018
    graphkit.fit("gcn", "karate", epochs=1, output=tmp_path / "named")
    with pytest.raises(InputError, match="`model` is for runs of your own models"):
        graphkit.open_run(tmp_path / "named", model=make_gcn)


@pytest.mark.parametrize("source", [SGConv(3, 2, K=2, cached=True), make_gcn], ids=["cached", "function"])
def test_predictions_for_another_graph_are_those_of_the_module(source: Any, tmp_path: Path) -> None:
    torch.manual_seed(0)
    train, new = (
        Data(x=torch.randn(n, 3), edge_index=torch.randint(n, (2, 3 * n)), y=torch.arange(n) % 2) for n in (30, 20)
    )
    del new.y
    run = graphkit.fit(source, train, split="0.5,0.25,0.25", epochs=3, output=tmp_path / "run")
    predictions = graphkit.open_run(run.path, model=source).predict(new, device="cpu")
    module = deepcopy(run.model.module)
    fresh = SGConv(3, 2, K=2) if isinstance(source, torch.nn.Module) else source(3, 2)
    fresh.load_state_dict(module.state_dict())
    form = graphkit.load((new.x, new.edge_index, torch.arange(20) % 2)).graphs[0]  # with both directions
    with torch.no_grad():
        probability = fresh.eval()(form.x, form.edge_index.as_tensor()).softmax(dim=1)
    assert len(predictions) == 20
    torch.testing.assert_close(torch.as_tensor(predictions.probability), probability, rtol=0, atol=1e-7)
    shell = CliRunner().invoke(main, ["predict", str(run.path), "--output", str(tmp_path / "p.csv")])
    assert shell.exit_code == 2 and "give it again" in shell.output and shell.output.count("\n") == 1


class Bad(Pooled):
    """Base of networks with one mistake each."""


class TwoOutputs(Bad):
    def forward(self, x: Any, edge_index: Any, batch: Any) -> Any:
        return super().forward(x, edge_index, batch, 2), None


class UnknownArgument(Bad):
    def forward(self, x: Any, edge_index: Any, batch: Any, names: Any) -> Any:
        return super().forward(x, edge_index, batch, 2)


class NeedsPositions(Bad):
    def forward(self, pos: Any) -> Any:
        return pos


class NoNames(Bad):
    def forward(self, *arguments: Any) -> Any:
        return super().forward(*arguments)


class WithoutGradient(Bad):
    @torch.no_grad()
    def forward(self, x: Any, edge_index: Any, batch: Any) -> Any:
        return super().forward(x, edge_index, batch, 2)


class NoCopy(Bad):
    def __deepcopy__(self, memo: Any) -> Any:
        raise TypeError("cannot pickle a lock")


class ExtraState(Bad):
    def get_extra_state(self) -> Any:
        return "text"


def _fails(in_channels: int, out_channels: int) -> torch.nn.Module:
    raise KeyError("width")


WRONG: dict[str, tuple[Any, str, dict[str, Any], str]] = {
    "width of x": (GCN(16, 8, 2, 4), "karate", {}, "must accept the graphs of karate, x of shape .34, 34."),
    "width of outputs": (GCN(34, 8, 2, 3), "karate", {}, r"the shape \[34, 4\].*\(got \[34, 3\]\); give it 4 output"),
    "nodes for graphs": (GCN(15, 8, 2, 4), "factor-graphs", GRAPHS, "one row per graph.*pool the nodes with `batch`"),
    "graphs for nodes": (Pooled(34, 4), "karate", {}, r"one row per node.*\(got \[1, 4\]\)"),
    "readout of nodes": (GCN(34, 8, 2, 4), "karate", {"model.readout": "mean"}, "`model.readout` is for graphs"),
    "tuple": (TwoOutputs(15, 4), "factor-graphs", GRAPHS, "must be one tensor .2, 4.*got tuple"),
    "argument": (UnknownArgument(15, 4), "factor-graphs", GRAPHS, "takes `names`, which the graphs do not have"),
    "missing attribute": (NeedsPositions(15, 4), "factor-graphs", GRAPHS, "takes `pos`, which the graphs do not have"),
    "no names": (NoNames(15, 4), "factor-graphs", GRAPHS, "must name its arguments"),
    "no gradient": (WithoutGradient(15, 4), "factor-graphs", GRAPHS, "must have gradients of weights"),
    "no copy": (NoCopy(15, 4), "factor-graphs", GRAPHS, "can be copied .*cannot pickle a lock.*give a function"),
    "state": (ExtraState(15, 4), "factor-graphs", GRAPHS, "must be dense tensors .got str in"),
    "nothing": (torch.nn.Identity(), "karate", {}, r"\(got \[34, 34\]\)"),
    "batches of nodes": (GCN(34, 8, 2, 4), "karate", {"train.batch_size": 8}, "number of layers, which is unknown"),
    "neighbors": (GCN(34, 8, 2, 4), "karate", {"train.num_neighbors": 8}, "`train.num_neighbors` is for batches"),
    "seeds": (GCN(34, 8, 2, 4), "karate", {"seeds": 2}, "same initial weights with every seed .got 2 seeds.; give a"),
    "number": (5, "karate", {}, "must be the name of a model, a torch.nn.Module or a function .*got int"),
    "class": (GCN, "karate", {}, "called with .34, 4. .got from GCN: TypeError: .*num_layers"),
    "no module": (lambda i, o: i, "karate", {}, "got int from <lambda>.; return a module"),
    "failure": (_fails, "karate", {}, "got from _fails: KeyError: 'width'"),
    "setting": (make_gcn, "karate", {"model.hidden_channels": 3}, "unknown configuration key 'model.hidden_channels'"),
    "recipe": (make_gcn, "cora", {"recipe": "gcn-cora"}, "the recipe 'gcn-cora' is for the model 'gcn'"),
    "clips": (make_gcn, "synthetic-skeleton", {}, "reads graphs, and synthetic-skeleton holds skeleton clips"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_cannot_be_trained_is_one_line_and_no_folder(name: str, tmp_path: Path) -> None:
    model, data, settings, message = WRONG[name]
    settings = dict(settings)
    recipe = settings.pop("recipe", None)
    with pytest.raises(InputError, match=message) as error:
        graphkit.fit(model, data, recipe=recipe, set=settings, output=tmp_path / "run")
    assert "\n" not in str(error.value) and not (tmp_path / "run").exists()


def test_other_commands_take_registered_models(tmp_path: Path) -> None:
    shell = CliRunner().invoke(
        main, ["train", "--model", "custom", "--dataset", "karate", "--output", str(tmp_path / "r")]
    )
    assert shell.exit_code == 2 and "give it in Python: graphkit.fit(model, data)" in shell.output
    for command, option in (("distill", "--student"), ("continual", "--model")):
        line = [command, option, "custom", "--dataset", "karate", "--output", str(tmp_path / "r")]
        shell = CliRunner().invoke(main, line)
        assert shell.exit_code == 2 and shell.output.count("\n") == 1, shell.output
    assert not (tmp_path / "r").exists()
    with pytest.raises(InputError, match="unknown configuration key 'model.source'"):
        build_config("train", {"model": {"name": "custom", "source": "x"}})


def test_features_on_disk_are_refused(tmp_path: Path) -> None:
    from graphkit.data import write_folder

    data = graphkit.load("karate").graphs[0]
    write_folder(tmp_path / "karate", x=data.x, edge_index=data.edge_index, y=data.y)
    with pytest.raises(InputError, match="needs the features in memory, and those of .* stay on disk; use"):
        graphkit.fit(make_gcn, tmp_path / "karate", output=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_cached_layers_forget_other_graphs() -> None:
    module = GCN(3, 4, 2, 2, cached=True)
    model, other = CustomModel(deepcopy(module)).eval(), GCN(3, 4, 2, 2)
    other.load_state_dict(module.state_dict())
    other.eval()
    for seed in range(3):
        torch.manual_seed(seed)
        data = Data(x=torch.randn(6, 3), edge_index=torch.randint(6, (2, 9)))
        for _ in range(2):
            assert torch.equal(model(**model.inputs(data)), other(data.x, data.edge_index))


@pytest.mark.parametrize(
    "norm",
    [
        torch.nn.BatchNorm2d(4),
        torch.nn.BatchNorm1d(4, track_running_stats=False),
        torch.nn.InstanceNorm1d(4, track_running_stats=True),
        torch.nn.SyncBatchNorm(4),
    ],
)
def test_norms_that_several_processes_cannot_share_are_one_line(norm: torch.nn.Module) -> None:
    check_norms(torch.nn.Sequential(torch.nn.BatchNorm1d(4), torch.nn.InstanceNorm1d(4), torch.nn.LayerNorm(4)))
    with pytest.raises(InputError, match=f"must be BatchNorm1d with running statistics .got {type(norm).__name__} '0'"):
        check_norms(torch.nn.Sequential(norm))


def test_arguments_by_name() -> None:
    class Names(torch.nn.Module):
        def forward(self, x: Any, edge_attr: Any, pe: Any = None, edge_weight: Any = None, y: Any = None) -> Any:
            return x

    data = Data(x=torch.ones(2, 1), edge_index=torch.tensor([[0], [1]]), edge_attr=torch.ones(1, 2), y=torch.ones(2))
    data.pe = torch.zeros(2, 3)
    model = CustomModel(Names())
    assert {*model.inputs(data)["arguments"]} == {"x", "edge_attr", "pe"}  # never the targets
    assert not model.uses_edges and model.uses_edge_weight
