import json
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from click.testing import Result

from graphkit.cli.main import COMMANDS
from graphkit.ops import _cuda
from graphkit.registry import dataset_names, model_names

Command = Callable[..., Result]


@pytest.mark.parametrize("name", COMMANDS)
def test_help_shows_an_example(graphkit: Command, name: str) -> None:
    result = graphkit(name, "--help")
    assert result.exit_code == 0 and re.search(rf"Examples?:\n\s+graphkit {name}", result.stdout)


def test_the_examples_of_the_lists_work(graphkit: Command) -> None:
    for name in ("models", "datasets", "recipes", "doctor"):
        lines = re.findall(r"^\s+graphkit (.*)$", graphkit(name, "--help").stdout, re.MULTILINE)
        assert any(line.startswith(name) for line in lines), name
        for line in lines:
            if line.startswith("--") or "--tested" in line:  # which needs the record of a GPU
                continue
            assert graphkit(*shlex.split(line)).exit_code == 0, line


def test_help_does_not_wait_for_torch() -> None:
    call = "try: main(['--help'])\nexcept SystemExit: print('torch' in sys.modules)"
    code = f"import sys; from graphkit.cli.main import main\n{call}"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.splitlines()[-1] == "False" and "recipes" in done.stdout


def test_training_starts_with_few_imports_besides_those_of_pyg() -> None:
    code = (
        "import sys, torch, torch_geometric; before = set(sys.modules); import graphkit.cli.running\n"
        "import graphkit.experiments; print(*set(sys.modules) - before)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "graphkit.training.trainer" in done.stdout.split()
    slow = {"matplotlib", "networkx", "pandas", "ray", "rdkit", "scipy.optimize", "scipy.sparse", "scipy.stats"}
    assert not slow & set(done.stdout.split())


def test_an_unknown_command_offers_the_closest_one(graphkit: Command) -> None:
    result = graphkit("trian")
    assert result.exit_code == 2 and "unknown command 'trian'; did you mean 'train'?" in result.stderr


def test_evaluate_repeats_the_scores(graphkit: Command, run: Path) -> None:
    stored = json.loads((run / "result.json").read_text())
    assert json.loads(graphkit("evaluate", run, "--json").stdout)["test"] == stored["test"]
    assert "gcn on karate" in graphkit("evaluate", run).stdout


def test_predict_writes_a_table(graphkit: Command, run: Path) -> None:
    result = graphkit("predict", run, "--output", "preds.csv")
    assert result.stdout.splitlines()[-1] == "34 predictions written to preds.csv" and result.exit_code == 0
    assert result.stdout.split()[:4] == ["id", "prediction", "next", "target"]
    assert len(Path("preds.csv").read_text().splitlines()) == 35


def test_report_writes_one_page(graphkit: Command, run: Path) -> None:
    result = graphkit("report", run)
    assert result.exit_code == 0 and "report.html" in result.stdout
    page = (run / "report.html").read_text()
    assert "karate" in page and "<script src" not in page and 'src="http' not in page


def test_report_takes_several_runs(graphkit: Command, run: Path, tmp_path: Path) -> None:
    shutil.copytree(run, tmp_path / "copy")
    result = graphkit("report", run, tmp_path / "copy")
    assert result.stdout == f"report: {run / 'report.html'}\nreport: {tmp_path / 'copy' / 'report.html'}\n"
    assert (tmp_path / "copy" / "report.html").read_text().count("<h1>gcn on karate</h1>") == 1
    assert graphkit("report").exit_code == 2


@pytest.mark.parametrize("command", ["evaluate", "predict", "report"])
def test_what_is_no_run_is_one_line(graphkit: Command, command: str) -> None:
    result = graphkit(command, "nowhere")
    assert result.exit_code == 2 and result.stderr == "Error: 'nowhere' is not a run folder (it has no config.yaml)\n"


def test_the_lists_are_whole(graphkit: Command) -> None:
    listed = graphkit("models").stdout
    assert all(re.search(rf"^{name} ", listed, re.MULTILINE) for name in model_names())
    listed = graphkit("datasets").stdout
    assert all(re.search(rf"^{name} ", listed, re.MULTILINE) for name in dataset_names())
    assert "model.factors" in graphkit("models", "factorgcn").stdout
    assert "data.num_graphs" in graphkit("datasets", "factor-graphs").stdout
    assert graphkit("models", "factorgnc").exit_code == 2 and graphkit("datasets", "coar").exit_code == 2


def test_recipes_are_listed_and_shown(graphkit: Command) -> None:
    assert "factorgcn-cora" in graphkit("recipes").stdout
    shown = yaml.safe_load(graphkit("recipes", "show", "factorgcn-cora").stdout)
    assert shown["model"]["name"] == "factorgcn"
    assert "did you mean 'factorgcn-cora'" in graphkit("recipes", "show", "factorgcn-coar").stderr


def test_doctor_says_which_operators_are_in_use(graphkit: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    shown = graphkit("doctor").stdout
    assert re.search(r"factor_aggregate +CPU +(native|torch) .*\n +CUDA +(native|torch) ", shown)
    report = json.loads(graphkit("doctor", "--json").stdout)
    assert report["backend"] in ("native", "torch") and report["packages"]["torch"]
    for row in report["operators"]:
        assert row["cuda_reason"] in shown and row["cuda_remedy"] in shown


def test_doctor_adds_a_record_of_tested_kernels(
    graphkit: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = _cuda.KernelRecord("segment_sum", "sm_90", "2.11.0", "2026-12-01", "abc123", "H100")
    _cuda.write_record(tmp_path / "own.json", [])
    _cuda.write_record(tmp_path / "new.json", [row])
    monkeypatch.setattr(_cuda, "RECORD", tmp_path / "own.json")
    shown = graphkit("doctor", "--tested", str(tmp_path / "new.json")).stdout
    assert "tested on sm_90, torch 2.11.0, 2026-12-01 (H100)" in shown
    assert _cuda.read_record(tmp_path / "own.json") == [row]
    assert graphkit("doctor", "--tested", str(tmp_path / "absent.json")).exit_code == 2


def test_a_reader_that_has_seen_enough_is_no_error() -> None:
    """As in ``graphkit datasets | head -1``."""
    command = [sys.executable, "-m", "graphkit", "datasets"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None and process.stderr is not None
        process.stdout.close()  # before anything was written
        said = process.stderr.read()
    assert said == ""
