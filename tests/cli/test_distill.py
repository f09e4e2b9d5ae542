import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from click.testing import Result

Command = Callable[..., Result]
KARATE = ("distill", "--dataset", "karate", "--teacher-model", "gcn", "--epochs", 4, "--seeds", 3)
SETS = ("--set", "teacher.model.hidden_channels=16")


def test_tells_scores_sizes_and_what_they_allow_to_say(graphkit: Command) -> None:
    result = graphkit(*KARATE, *SETS, "--compare", "lsp,kd")
    assert result.exit_code == 0, result.output
    assert "karate: accuracy in % over 3 seeds, epochs chosen on validation items" in result.stdout
    rows = {line.split()[0]: line for line in result.stdout.splitlines() if line.startswith("  ")}
    assert list(rows)[:5] == ["network", "teacher", "alone", "lsp", "kd"]
    assert "KiB" in rows["lsp"] and "ms" in rows["kd"] and "/3" in rows["lsp"]
    assert any(text in result.stdout for text in ("no p below", "By the paired t-test at 0.025", "test is undefined"))
    folder = Path("runs/distill-karate-001")
    assert f"run folder: {folder}" in result.stdout
    assert {path.name for path in folder.iterdir() if path.is_dir()} >= {"teacher", "alone", "lsp", "kd"}
    assert (folder / "lsp" / "seed-2" / "model.safetensors").is_file()
    assert (folder / "report.html").is_file() and "lsp: the student, gcn, with the loss lsp" in result.stderr
    assert graphkit("evaluate", folder / "lsp").exit_code == 0
    assert graphkit("predict", folder / "kd", "--output", "preds.csv").exit_code == 0 and Path("preds.csv").is_file()
    evaluated = graphkit("evaluate", folder)
    assert evaluated.exit_code == 2 and f"use the run of one of them, such as {folder}/alone" in evaluated.stderr


def test_one_json_object_that_can_be_had_again(graphkit: Command) -> None:
    result = graphkit(*KARATE, *SETS, "--output", "o", "--json", "--quiet")
    content = json.loads(result.stdout)
    assert content == json.loads(Path("o/result.json").read_text()) and content["command"] == "distill"
    networks = {entry["name"]: entry for entry in content["networks"]}
    assert list(networks) == ["teacher", "alone", "lsp"] and content["chosen"] in ("alone", "lsp")
    assert networks["teacher"]["parameters"] > networks["alone"]["parameters"] == networks["lsp"]["parameters"]
    assert networks["teacher"]["size_bytes"] > networks["lsp"]["size_bytes"] > 0 < networks["lsp"]["latency_ms"]
    assert networks["alone"]["against_alone"] is None and networks["lsp"]["against_alone"]["pairs"] == 3
    differences = [
        a - b for a, b in zip(networks["lsp"]["test"]["runs"], networks["alone"]["test"]["runs"], strict=True)
    ]
    assert networks["lsp"]["against_alone"]["difference"] == pytest.approx(sum(differences) / 3)
    assert content["seeds"] == [0, 1, 2] and content["selected_on"] == "validation"
    again = graphkit("distill", "--config", "o/config.yaml", "--output", "again", "--json", "--quiet")
    tests = [[entry["test"] for entry in payload["networks"]] for payload in (content, json.loads(again.stdout))]
    assert tests[0] == tests[1]


def test_goes_on_where_it_stopped(graphkit: Command) -> None:
    first = json.loads(graphkit(*KARATE, *SETS, "--loss", "fitnet", "--output", "o", "--json", "--quiet").stdout)
    before = Path("o/alone/result.json").stat().st_mtime_ns
    Path("o/result.json").unlink()
    for name in ("fitnet/result.json", "fitnet/seed-1/fit.json", "fitnet/seed-2/fit.json"):
        Path("o", name).unlink()
    shutil.rmtree("o/fitnet/seed-2")
    again = json.loads(graphkit("distill", "--resume", "o", "--json", "--quiet").stdout)
    assert Path("o/alone/result.json").stat().st_mtime_ns == before
    tests = [[entry["test"] for entry in payload["networks"]] for payload in (first, again)]
    assert tests[0] == tests[1]


def test_a_teacher_that_is_there_and_a_student_of_another_kind(graphkit: Command, run: Path) -> None:
    options = ("--student", "mlp", "--layers", "conv1:lin1", "--weight", 5, "--kernel", "linear", "--active-epochs", 2)
    result = graphkit("distill", "--teacher", run, "--loss", "lsp", *options, "--output", "o", "--quiet")
    assert result.exit_code == 0, result.output
    config = yaml.safe_load(Path("o/config.yaml").read_text())
    assert config["student"]["model"]["name"] == "mlp" and config["data"]["name"] == "karate"
    assert config["student"]["train"]["epochs"] == 3  # as the teacher's
    loss = {"layers": "conv1:lin1", "weight": 5.0, "active_epochs": 2, "kernel": "linear"}
    assert config["losses"] == {"lsp": loss} and not Path("o/teacher").exists()
    assert "A paired t-test needs several seeds" in result.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--loss", "lps"), "unknown distillation loss 'lps'; did you mean 'lsp'?"),
        (("--loss", "lsp", "--compare", "all"), "--loss is for one loss and --compare for several"),
        (("--layers", "conv1:conv9"), "unknown layer of the student 'conv9'; did you mean"),
        (("--layers", "convolution:conv1"), "unknown layer of the teacher 'convolution'"),
        (("--layers", "a:b:c"), "layers` must read TEACHER:STUDENT"),
        (("--student", "gta"), "unknown model 'gta'; did you mean"),
        (("--loss", "kd", "--kernel", "rbf"), "--kernel is for the loss lsp"),
        (("--set", "student.trian.lr=1"), "unknown configuration key 'student.trian'; did you mean 'student.train'?"),
        (("--loss", "lsp", "--set", "losses.kd.temperature=3"), "there are settings for 'kd', which is not among lsp"),
        (("--set", "losses.lsp.sigma=0"), "`sigma` must be greater than 0"),
        (("--teacher", "nowhere"), "nowhere' is not a run folder"),
        (("--teacher", "nowhere", "--teacher-model", "gcn"), "--teacher-model is for a teacher to train"),
        (("--resume", "none"), "'none' is not a run folder"),
    ],
)
def test_a_mistake_is_one_line_and_leaves_nothing(graphkit: Command, arguments: tuple, message: str) -> None:
    given = () if "--resume" in arguments else ("--dataset", "karate", "--epochs", 2)
    result = graphkit("distill", *given, *arguments)
    assert result.exit_code == 2 and message in result.stderr and result.stdout == "", result.output
    assert not Path("runs").exists()


def test_a_teacher_of_other_data_is_refused(graphkit: Command, run: Path) -> None:
    result = graphkit("distill", "--teacher", run, "--dataset", "factor-graphs", "--set", "data.num_graphs=60")
    assert result.exit_code == 2 and "was trained on another data set: karate" in result.stderr
    for other in ("o", "n"):
        assert graphkit("distill", "--resume", run).exit_code == 2 and not Path(other).exists()
    assert (
        "is a run of graphkit train; continue it with: graphkit train --resume"
        in graphkit("distill", "--resume", run).stderr
    )


def test_a_student_in_batches_of_nodes_is_refused_before_anything_is_trained(graphkit: Command) -> None:
    result = graphkit(*KARATE, *SETS, "--set", "student.train.batch_size=8", "--output", "o", "--quiet")
    assert result.exit_code == 2 and not Path("o").exists()
    assert "a student must train on the whole graph, not in batches of nodes" in result.stderr
