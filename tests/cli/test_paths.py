import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner, Result

from graphkit.cli.main import main
from graphkit.experiments import open_run
from graphkit.nn.attended_paths import attended_paths
from graphkit.sampling import PathIndex

Command = Callable[..., Result]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("paths") / "run"
    arguments = ["train", "--model", "spagan", "--dataset", "karate", "--epochs", "2", "--seeds", "2", "--quiet"]
    result = CliRunner().invoke(main, [*arguments, "--output", str(folder)])
    assert result.exit_code == 0, result.output
    return folder


def test_prints_the_paths_of_a_node_by_length(graphkit: Command) -> None:
    lines = graphkit("paths", "--dataset", "karate", "--node", 11).stdout.splitlines()
    assert lines[:5] == [
        "node 11 of karate: 16 paths, and itself",  # its only neighbor is node 0, which has 15 more
        "1 hop: 1 path",
        "        cost  path",
        "      1.0000  0 -> 11",
        "      0.0000  11 (itself)",
    ]
    assert lines[5] == "2 hops: 15 paths" and "      2.0000  31 -> 0 -> 11" in lines


def test_hops_and_ratio_are_taken(graphkit: Command) -> None:
    arguments = ("paths", "--dataset", "karate", "--node", 11, "--max-hops", 3, "--ratio", 2, "--json")
    content = json.loads(graphkit(*arguments).stdout)
    paths = [path["nodes"] for path in content["paths"]]
    assert paths == [[0, 11], [11, 11], [1, 0, 11], [2, 0, 11], [11] * 3, [9, 2, 0, 11], [16, 5, 0, 11], [11] * 4]
    assert content["node"] == 11 and content["paths"][0] == {
        "nodes": [0, 11], "cost": 1.0, "attention": None, "weight": None, "hops": 1
    }  # fmt: skip


def test_lengths_and_names_of_ones_own_graph(graphkit: Command) -> None:
    folder = Path("mine")
    folder.mkdir()
    others = "".join(f"other-{number},0,{number % 2}\n" for number in range(12))
    (folder / "nodes.csv").write_text(f"id,x,label\nann,1,0\nbob,2,1\ncy,3,0\n{others}")
    (folder / "edges.csv").write_text("source,target,weight\nann,bob,5\nbob,cy,0.5\nann,cy,9\n")
    result = graphkit("paths", "--dataset", "mine/", "--node", "cy", "--weight", "edge_weight")
    assert result.exit_code == 0, result.stderr
    assert "0.5000  bob -> cy" in result.stdout and "5.5000  ann -> bob -> cy" in result.stdout
    assert graphkit("paths", "--dataset", "mine/", "--node", 2, "--weight", "edge_weight").stdout == result.stdout


def test_a_run_says_what_it_attends_to(graphkit: Command, trained: Path) -> None:
    content = json.loads(graphkit("paths", "--run", trained, "--node", 11, "--json").stdout)
    run = open_run(trained).best
    expected = attended_paths(run.model, run.dataset.graphs[0], [11])[11]
    assert [tuple(path["nodes"]) for path in content["paths"]] == [path.nodes for path in expected]
    assert [path["weight"] for path in content["paths"]] == pytest.approx([path.weight for path in expected])
    lines = graphkit("paths", "--run", trained, "--dataset", "karate", "--node", 11).stdout.splitlines()
    assert lines[2].split() == ["cost", "attention", "in", "all", "path"]
    shares = [float(line.split("%")[1]) for line in lines if "->" in line or "itself)" in line]
    assert sum(shares) == pytest.approx(100, abs=0.1)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--node", 3), "needs --dataset or --run (got neither)"),
        (("--dataset", "karate", "--node", "x"), "--node must be a number from 0 to 33 (got 'x')"),
        (("--dataset", "karate", "--node", 34), "--node must be a number from 0 to 33 (got '34')"),
        (("--dataset", "karate", "--node", 3, "--graph", 1), "--graph must be from 0 to 0 (got 1)"),
        (("--dataset", "karate", "--node", 3, "--max-hops", 0), "`max_hops` must be a whole number of at least 1"),
        (("--dataset", "karate", "--node", 3, "--weight", "cost"), "needs lengths in `cost`"),
        (("--run", "RUN", "--node", 3, "--max-hops", 3), "--max-hops cannot be given with --run"),
        (("--run", "RUN", "--node", 3, "--dataset", "cora"), "the run has the data set 'karate' (got 'cora')"),
        (("--run", "none", "--node", 3), "'none' is not a run folder"),
    ],
)
def test_a_mistake_is_one_line(graphkit: Command, trained: Path, arguments: tuple, message: str) -> None:
    result = graphkit("paths", *(trained if argument == "RUN" else argument for argument in arguments))
    assert result.exit_code == 2 and message in result.stderr and result.stderr.count("\n") == 1


def test_a_run_of_another_model_is_refused(graphkit: Command, run: Path) -> None:
    assert "only spagan attends to paths (got a run of gcn)" in graphkit("paths", "--run", run, "--node", 3).stderr


def test_the_paths_of_all_nodes_go_into_files(graphkit: Command) -> None:
    arguments = ("paths", "--dataset", "karate", "--all", "--output", "set", "--block", 10, "--max-hops", 3)
    last = graphkit(*arguments)
    assert last.exit_code == 0, last.stderr
    assert last.stdout.splitlines()[-1] == "path set: set, 4 blocks, for ShortestPathLoader(paths=...)"
    again = json.loads(graphkit(*arguments, "--json").stdout)
    assert again["nodes"] == 34 and again["dataset"] == "karate" and again["paths"][0] == 34 + 2 * 78
    paths = PathIndex("set").of(torch.tensor([11]))
    listed = json.loads(graphkit("paths", "--dataset", "karate", "--node", 11, "--max-hops", 3, "--json").stdout)
    assert [path for path_index in paths for path in path_index.t().tolist()] == [
        path["nodes"] for path in listed["paths"]
    ]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--dataset", "karate"), "`graphkit paths` needs --node, or --all with --output (got neither)"),
        (("--dataset", "karate", "--all"), "`graphkit paths --all` needs --output (got none)"),
        (("--all", "--output", "set"), "`graphkit paths --all` needs --dataset (got none)"),
        (("--dataset", "karate", "--all", "--output", "set", "--node", 3), "--node cannot be given with --all"),
        (("--dataset", "karate", "--node", 3, "--jobs", 2), "--jobs requires --all"),
        (("--dataset", "karate", "--all", "--output", "set", "--block", 0), "`block` must be at least 1 (got 0)"),
        (("--dataset", "karate", "--all", "--output", "set", "--jobs", 0), "expected `jobs` of at least 1"),
    ],
)
def test_a_mistake_about_all_nodes_is_one_line(graphkit: Command, arguments: tuple, message: str) -> None:
    result = graphkit("paths", *arguments)
    assert result.exit_code == 2 and message in result.stderr and len(result.stderr.splitlines()) == 1
    assert not Path("set").exists()
