import json
import re
from pathlib import Path
from typing import Any

import pytest
import torch
from click.testing import CliRunner
from scipy import stats
from torch_geometric.data import Data

import graphkit
from graphkit.cli.main import main
from graphkit.errors import InputError
from graphkit.experiments import compare_runs, open_run
from tests.fitting import fit


def config(model: str, **other: Any) -> dict[str, Any]:
    return {"model": {"name": model}, "data": {"name": "karate"}, "train": {"epochs": 8}, "seeds": 3, **other}


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("compare")
    fit(config("gcn"), folder / "gcn")
    fit(config("mlp", seed=1), folder / "mlp")
    return [folder / "gcn", folder / "mlp"]


def test_shared_seeds_are_paired(runs: list[Path]) -> None:
    result = compare_runs([open_run(run) for run in runs])
    first, second = (json.loads((run / "result.json").read_text()) for run in runs)
    assert [entry["test"] for entry in result["runs"]] == [first["test"], second["test"]]
    against = result["runs"][1]["against_first"]
    pairs = second["test"]["runs"][:2], first["test"]["runs"][1:]  # seeds 1 and 2 of 1, 2, 3 and of 0, 1, 2
    assert against["pairs"] == 2 and result["runs"][0]["against_first"] is None
    assert against["difference"] == pytest.approx(sum(pairs[0]) / 2 - sum(pairs[1]) / 2)
    if against["p"] is not None:
        assert against["p"] == pytest.approx(stats.ttest_rel(*pairs).pvalue)
    shared = result["runs"][1]["shared"]
    assert shared["seeds"] == [1, 2] and result["runs"][0]["shared"] is None
    assert shared["mean"] - shared["first"] == pytest.approx(against["difference"])


def test_the_command_prints_a_table(runs: list[Path]) -> None:
    arguments = ["compare", *map(str, runs)]
    lines = CliRunner().invoke(main, arguments).stdout.splitlines()
    assert lines[0] == "karate: test accuracy in %; differences and tests are against the first run"
    assert lines[2].split()[0] == "gcn" and lines[3].split()[0] == "mlp" and lines[3].endswith(f"/2  {runs[1]}")
    mean = json.loads((runs[1] / "result.json").read_text())["test"]["mean"]
    assert f" {100 * mean:.2f} +- " in lines[3]
    assert lines[4].startswith(f"difference of {runs[1]}: over the shared seeds 1, 2: ")
    run_mean, other = map(float, lines[4].rsplit(": ", 1)[1].split(" against "))
    assert run_mean - other == pytest.approx(float(lines[3].split()[4]), abs=0.011)
    assert json.loads(CliRunner().invoke(main, [*arguments, "--json"]).stdout)["command"] == "compare"


def test_runs_without_a_seed_in_common(runs: list[Path], tmp_path: Path) -> None:
    fit(config("mlp", seed=7, seeds=1), tmp_path / "seven")
    entry = compare_runs([open_run(runs[0]), open_run(tmp_path / "seven")])["runs"][1]
    assert entry["against_first"] is None and entry["shared"] is None
    text = CliRunner().invoke(main, ["compare", str(runs[0]), str(tmp_path / "seven")]).stdout
    assert "no seed of" in text.splitlines()[-1]


def test_a_run_equals_itself(runs: list[Path]) -> None:
    against = compare_runs([open_run(runs[0]), open_run(runs[0])])["runs"][1]["against_first"]
    assert (against["difference"], against["p"], against["wins"], against["pairs"]) == (0.0, None, 0, 3)


def test_runs_that_do_not_belong_together_are_refused(runs: list[Path], tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="a comparison needs at least two runs .got 1."):
        compare_runs([open_run(runs[0])])
    fit(config("mlp", data={"name": "karate", "split_seed": 3}, seeds=1), tmp_path / "other")
    message = "differ in `data.split_seed` (got 0 and 3); compare runs on the same data and split"
    with pytest.raises(ValueError, match=re.escape(message)):
        compare_runs([open_run(runs[0]), open_run(tmp_path / "other")])
    (tmp_path / "other" / "result.json").unlink()
    with pytest.raises(ValueError, match="other' has not ended; continue it with: graphkit train --resume"):
        compare_runs([open_run(runs[0]), open_run(tmp_path / "other")])


def test_runs_on_the_same_graphs_in_memory_are_compared(tmp_path: Path) -> None:
    nodes = torch.arange(20)
    data = Data(x=torch.eye(20), edge_index=torch.stack([nodes, nodes.roll(1)]), y=nodes % 2)
    one, two = (graphkit.fit(name, data, epochs=2, output=tmp_path / name) for name in ("gcn", "mlp"))
    assert compare_runs([one, two])["runs"][1]["shared"]["seeds"] == [0]
    data.x = 2 * data.x
    three = graphkit.fit("mlp", data, epochs=2, output=tmp_path / "three")
    with pytest.raises(InputError, match=r"differ in `data\.name`"):
        compare_runs([one, three])
