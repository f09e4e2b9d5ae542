"""Wrong settings: one line with the key, and the same line from Python, ``--set`` and ``--config``."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

import graphkit.experiments
from graphkit.cli.main import main
from graphkit.errors import InputError
from graphkit.experiments import build_config, run

Settings = dict[str, Any]

#: Refused when the configuration is built: command, settings, message.
WRONG: list[tuple[str, Settings, str]] = [
    ("train", {"train.lr": "fast"}, "`train.lr` must be a number (got 'fast')"),
    ("train", {"train.lr": [1, 2]}, "`train.lr` must be a number (got [1, 2])"),
    ("train", {"train.lr": True}, "`train.lr` must be a number (got True)"),
    ("train", {"train.lr.x": 3}, "`train.lr` must be a number (got {'x': 3})"),
    ("train", {"train.lr": 0}, "`train.lr` must be positive (got 0)"),
    ("train", {"train.epochs": 1.5}, "`train.epochs` must be a whole number (got 1.5)"),
    ("train", {"train.optimizer": None}, "`train.optimizer` must be one of adam, adamw, sgd (got None)"),
    ("train", {"train.momentum": 1}, "`train.momentum` must lie in [0, 1) (got 1)"),
    ("train", {"train.patience": "off"}, "`train.patience` must be a whole number, or none (got 'off')"),
    ("train", {"train.num_neighbors": [0]}, "`train.num_neighbors` must be a list of whole numbers, -1 (all) or"),
    ("train", {"train.workers": 1000}, "`train.workers` must be at most 256 (got 1000)"),
    ("train", {"train.nesterov": True, "train.momentum": 0}, "`train.nesterov` needs a momentum (got 0); set `train.m"),
    ("train", {"train.warmup": 10**6}, "`train.warmup` must be below `train.epochs`"),
    ("train", {"train.weight_deacy": 1}, "key 'train.weight_deacy'; did you mean 'train.weight_decay'?"),
    ("train", {"train.learning_rate": 1}, "key 'train.learning_rate'; known: accumulate, augment"),
    ("train", {"lr": 0.1}, "key 'lr'; did you mean 'train.lr'?"),
    ("train", {"name": "gcn"}, "key 'name'; did you mean 'data.name' or 'model.name'?"),
    ("train", {"trian.lr": 0.1}, "key 'trian'; did you mean 'train'?"),
    ("train", {"train": 3}, "`train` must hold keys and values, such as 'train: {lr: 0.01}' (got 3)"),
    ("train", {"model.name": "spagn"}, "unknown model 'spagn'; did you mean 'spagan'?"),
    ("train", {"model.name": ""}, "a model must have a name (got ''); known: dgcnn, factorgcn"),
    ("train", {"model.name": ["gcn"]}, "`model.name` must be text (got ['gcn'])"),
    ("train", {"model.name": "gat", "model.hedas": 3}, "key 'model.hedas'; did you mean 'model.heads'?"),
    ("train", {"model.name": "gat", "model.heads": "many"}, "`model.heads` must be a whole number (got 'many')"),
    ("train", {"model.name": "gcn", "model.hidden_channels": 10**6}, "`model.hidden_channels` must be at most 100,000"),
    ("train", {"model.factors": [4, "x"]}, "`model.factors` must be a whole number (got 'x')"),
    ("train", {"data.name": "coar"}, "unknown data set 'coar'; did you mean 'cora'?"),
    ("train", {"data.name": "cora", "data.num_graphs": 3}, "key 'data.num_graphs'; known: fold,"),
    ("train", {"data.split_seed": -1}, "`data.split_seed` must not be negative (got -1)"),
    ("train", {"data.fold": "x"}, "`data.fold` must be a whole number, or none (got 'x')"),
    ("train", {"data.labels_per_class": 0}, "`data.labels_per_class` must be at least 1, or none (got 0)"),
    ("train", {"seed": -1}, "`seed` must not be negative and below 2**32 (got -1)"),
    ("train", {"seeds": 10**6}, "`seeds` must be at most 10,000 (got 1000000)"),
    ("train", {"recipe": "factorgcn-coar"}, "unknown recipe 'factorgcn-coar'; did you mean 'factorgcn-cora'?"),
    ("train", {"recipe": "distill-cora"}, "is for a teacher and a student; use it with graphkit distill"),
    ("train", {"recipe": "gat-cora", "model.name": "gcn"}, "the recipe 'gat-cora' is for the model 'gat' (got 'gcn')"),
    ("distill", {"losses.lps.weight": 1}, "unknown distillation loss 'lps'; did you mean 'lsp'?"),
    ("distill", {"losses": ["lsp"]}, "`losses` must hold keys and values, such as 'losses: {lsp: {weight: 10}}'"),
    ("distill", {"losses.lsp.weight": -1}, "`losses.lsp.weight` must not be negative, or none (got -1)"),
    ("distill", {"losses.lsp.wieght": 1}, "key 'losses.lsp.wieght'; did you mean 'losses.lsp.weight'?"),
    ("distill", {"losses.lsp.layers": "a:b:c"}, "`losses.lsp.layers` must read TEACHER:STUDENT, such as conv2:conv3"),
    ("distill", {"losses.lsp.kernel": "rbff"}, "`losses.lsp`: `kernel` must be one of"),
    ("distill", {"losses.kd.temperature": 0}, "`losses.kd`: `temperature` must be positive and finite (got 0.0)"),
    ("distill", {"teacher.run": "nowhere"}, "'nowhere' is not a run folder (it has no config.yaml)"),
    ("distill", {"teacher.model.hedas": 1}, "key 'teacher.model.hedas'; did you mean 'teacher.model.heads'?"),
    ("distill", {"teacher.train.lr": "x"}, "`teacher.train.lr` must be a number (got 'x')"),
    ("distill", {"student.model.hidden_channels": "x"}, "`student.model.hidden_channels` must be a whole number"),
    ("distill", {"student.train.warmup": 10**6}, "`student.train.warmup` must be below `student.train.epochs`"),
    ("distill", {"student.run": "a"}, "key 'student.run'; known: model, train"),
    ("distill", {"model.name": "gcn"}, "key 'model'; did you mean 'teacher.model' or 'student.model'?"),
    ("distill", {"train.lr": 1}, "key 'train'; did you mean 'teacher.train' or 'student.train'?"),
    ("continual", {"stream.per_task": "two"}, "`stream.per_task` must be a whole number (got 'two')"),
    ("continual", {"stream.per_taks": 2}, "key 'stream.per_taks'; did you mean 'stream.per_task'?"),
    ("continual", {"stream.heads": "tasks"}, "`stream.heads` must be one of task, shared, or none (got 'tasks')"),
    ("continual", {"stream.scenario": "class", "stream.heads": "task"}, "`stream.heads` must be 'task', in task-incre"),
    ("continual", {"strategies.twpp.beta": 1}, "unknown strategy 'twpp'; did you mean 'twp'?"),
    ("continual", {"strategies.twp.lambda": 1}, "'strategies.twp.lambda'; did you mean 'strategies.twp.lambda_t'?"),
    ("continual", {"strategies.twp.beta": -1}, "`strategies.twp.beta` must not be negative (got -1)"),
    ("continual", {"strategies": "twp"}, "`strategies` must hold keys and values, such as 'strategies: {twp: {lambda"),
    ("continual", {"data.fold": 1}, "`data.fold` does nothing here: a stream draws its own split; see `stream.seed`"),
    ("continual", {"protocol": "publishd"}, "unknown protocol 'publishd'; did you mean 'published'?"),
    ("continual", {"search": "maybe"}, "`search` must be true or false (got 'maybe')"),
    ("continual", {"train.check": 0}, "`train.check` must be at least 1 (got 0)"),
    ("continual", {"train.select": "first"}, "`train.select` must be one of score, loss, last (got 'first')"),
]
#: Refused before a folder is made, with the data at hand.
UNFIT: list[tuple[str, Settings, str]] = [
    ("train", {"model.name": "gat", "model.heads": 0}, "`heads` must be at least 1 (got 0)"),
    ("train", {"model.name": "gcn", "model.dropout": 2}, "`dropout` must lie in [0, 1) (got 2.0)"),
    ("train", {"model.name": "stigcn"}, "the model 'stigcn' reads skeleton clips, and karate holds graphs; take dgcnn"),
    ("train", {"data.split": [0.5, 0.6, 0.2]}, "`split` must sum to 1 (got (0.5, 0.6, 0.2), which sums to 1.3)"),
    ("train", {"data.transforms": ["self-lops"]}, "unknown transform 'self-lops'; did you mean 'self-loops'?"),
    ("train", {"data.fold": 9}, "`data.fold` must be below 1, the number of splits (got 9)"),
    ("train", {"device": "gpu"}, "`device` must be auto, cpu, cuda or cuda:N (got 'gpu')"),
    ("train", {"train.augment": "rotate"}, "`train.augment` is for clips, and karate has graphs; leave it out"),
    ("train", {"train.num_neighbors": [3, 3]}, "`train.num_neighbors` is for batches of nodes, and there are"),
    ("distill", {"losses.lsp.layers": "conv9:conv1"}, "unknown layer of the teacher 'conv9'; did you mean 'conv2'?"),
    ("continual", {"data.name": "sbm-continual", "stream.per_task": 0}, "`per_task` must be at least 1 (got 0)"),
    ("continual", {"data.name": "sbm-continual", "stream.per_task": 99}, "99 per task); use a smaller `per_task`"),
    ("continual", {"data.name": "sbm-continual", "stream.visible": "some"}, "`visible` must be one of whole, so-far"),
]


def _nested(settings: Settings) -> Settings:
    """Returns settings by key as a file has them."""
    content: Settings = {}
    for path, value in settings.items():
        *sections, last = path.split(".")
        section = content
        for name in sections:
            section = section.setdefault(name, {})
        section[last] = value
    return content


def _error_line(*arguments: str) -> str:
    """Returns the one line of an error of the command line."""
    result = CliRunner().invoke(main, arguments)
    lines = result.stderr.splitlines()
    assert result.exit_code == 2 and len(lines) == 1, (result.exception, result.output)
    return lines[0].removeprefix("Error: ")


@pytest.mark.parametrize(("command", "settings", "message"), WRONG, ids=[f"{c}-{s}" for c, s, _ in WRONG])
def test_same_line_from_python_set_and_file(
    command: str, settings: Settings, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(graphkit.experiments, "run", lambda *_, **__: pytest.fail("it was accepted"))
    with pytest.raises((InputError, FileNotFoundError)) as error:
        build_config(command, set=settings)
    line = str(error.value)
    assert message in line and "\n" not in line
    with pytest.raises((InputError, FileNotFoundError)) as error:
        build_config(command, _nested(settings))
    assert str(error.value) == line
    pairs = [f"{key}={yaml.safe_dump(value, default_flow_style=True)}" for key, value in settings.items()]
    assert _error_line(command, *(text for pair in pairs for text in ("--set", pair.replace("\n...", "")))) == line
    Path("c.yaml").write_text(yaml.safe_dump(_nested(settings)), encoding="utf-8")
    assert _error_line(command, "--config", "c.yaml") == line


@pytest.mark.parametrize(("command", "settings", "message"), UNFIT, ids=[f"{c}-{s}" for c, s, _ in UNFIT])
def test_settings_that_do_not_fit_the_data_leave_no_folder(
    command: str, settings: Settings, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError) as error:
        run(build_config(command, set={"data.name": "karate", **settings}, recipe="none"))
    assert message in str(error.value) and "\n" not in str(error.value)
    assert not any(tmp_path.iterdir())


def test_keyword_of_a_wrong_type_is_one_line_in_python() -> None:
    with pytest.raises(InputError, match=r"`train\.lr` must be a number \(got 'fast'\)"):
        graphkit.fit("gcn", "karate", lr="fast")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="unknown model 'gnn'"):
        graphkit.fit("gnn", "karate")
    with pytest.raises(InputError, match=r"`recipe` must be text \(got 3\)"):
        graphkit.fit("gcn", "karate", recipe=3)  # type: ignore[arg-type]


#: Key, texts that a person may write, and the value that is meant.
SPELLINGS: list[tuple[str, list[Any], Any]] = [
    ("train.patience", ["none", "null", "~", "None", " none ", None, ""], None),
    ("train.clip", ["none", "null", "~", None], None),
    ("train.schedule", ["none", None], "none"),
    ("train.lr", ["1e-3", "1E-3", "0.001", 1e-3], 0.001),
    ("train.weight_decay", ["5e-4", ".0005", 5e-4], 0.0005),
    ("train.epochs", ["20", "20.0", "2e1", 20, 20.0], 20),
    ("model.factors", ["[4, 1]", "4, 1", "4,1", "[4,1]", [4, 1], (4, 1)], (4, 1)),
    ("model.factors", ["4", "[4]", 4, [4]], (4,)),
    ("data.transforms", ["self-loops", "[self-loops]", ["self-loops"]], ("self-loops",)),
    ("train.decay_all", ["false", "False", False], False),
]


@pytest.mark.parametrize(
    ("key", "value", "meant"), [(key, value, meant) for key, values, meant in SPELLINGS for value in values]
)
def test_values_are_read_as_people_write_them(key: str, value: Any, meant: Any, tmp_path: Path) -> None:
    section, name = key.split(".")
    text = value if isinstance(value, str) else yaml.safe_dump(value, default_flow_style=True).replace("\n...", "")
    path = tmp_path / "c.yaml"
    path.write_text(f"{section}:\n  {name}: {text if not isinstance(value, tuple) else list(value)}\n")
    sources: list[dict[str, Any]] = [{"set": [f"{key}={text}"]}, {"file": path}]
    if not (isinstance(value, str) and value[:1] == "[" or isinstance(meant, bool) and isinstance(value, str)):
        sources.append({"set": {key: value}})
    configs = [build_config("train", **{"recipe": "none", **source}) for source in sources]
    assert [getattr(getattr(config, section), name) for config in configs] == [meant] * len(configs)
