import copy
import json
import os
import shutil
import signal
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest
import torch

from graphkit.errors import InputError
from graphkit.experiments import open_run
from graphkit.training.checkpoint import (
    check_optimizer,
    load_state,
    load_weights,
    of_this_run,
    put_weights,
    save_state,
    save_weights,
)
from tests.fitting import fit, resume


def test_a_state_comes_back_as_it_was(tmp_path: Path) -> None:
    state = {"epoch": 3, "rows": [{"loss": 0.5, "validation": None}], "weights": {"w": torch.randn(3)}}
    save_state(tmp_path / "state.pt", state)
    loaded = load_state(tmp_path / "state.pt")
    assert loaded["epoch"] == 3 and loaded["rows"] == state["rows"]
    assert torch.equal(loaded["weights"]["w"], state["weights"]["w"])
    assert [path.name for path in tmp_path.iterdir()] == ["state.pt"]


class Evil:
    """Would make a file if it were unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple:
        return (open, (str(self.path), "w"))


def test_a_pickle_in_a_checkpoint_is_refused_and_not_executed(tmp_path: Path) -> None:
    torch.save({"epoch": Evil(tmp_path / "executed")}, tmp_path / "state.pt")
    with pytest.raises(ValueError, match="holds Python objects, which could run code; it is refused"):
        load_state(tmp_path / "state.pt")
    assert not (tmp_path / "executed").exists()


def test_a_damaged_checkpoint_is_one_line(tmp_path: Path) -> None:
    path = tmp_path / "state.pt"
    save_state(path, {"epoch": 1, "w": torch.randn(1000)})
    saved = path.read_bytes()
    for content in (b"", b"nonsense", saved[: len(saved) // 2]):
        path.write_bytes(content)
        with pytest.raises(ValueError) as error:
            load_state(path)
        assert str(path) in str(error.value) and "\n" not in str(error.value)
    flipped = bytearray(saved)
    flipped[len(saved) // 2] ^= 1  # in the middle of the weights
    path.write_bytes(bytes(flipped))
    with pytest.raises(ValueError, match="does not match its checksum"):
        load_state(path)
    with pytest.raises(FileNotFoundError, match="there is no checkpoint"):
        load_state(tmp_path / "other.pt")


def test_an_archive_that_leads_out_of_its_folder_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "state.pt"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("../evil.txt", "x")
    with pytest.raises(ValueError, match="unsafe member '../evil.txt'"):
        load_state(path)


WRITE = """
import os, signal, sys
from pathlib import Path
from graphkit.training import checkpoint
path = Path(sys.argv[1])
checkpoint.save_state(path, {"epoch": 1})
def half(self, content):
    with open(self, "wb") as file:
        file.write(content[:50])
    os.kill(os.getpid(), signal.SIGKILL)
Path.write_bytes = half
checkpoint.save_state(path, {"epoch": 2})
"""


def test_a_kill_in_the_middle_of_a_write_leaves_the_previous_checkpoint(tmp_path: Path) -> None:
    path = tmp_path / "state.pt"
    done = subprocess.run([sys.executable, "-c", WRITE, str(path)], capture_output=True, env=dict(os.environ))
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert load_state(path) == {"epoch": 1}
    assert len(list(tmp_path.iterdir())) == 2  # the half-written file has another name ...
    save_state(path, {"epoch": 3})
    assert load_state(path) == {"epoch": 3}
    assert len(list(tmp_path.iterdir())) == 1  # ... and goes with the next write


def test_weights_come_back_and_must_fit(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    model = torch.nn.Linear(3, 2)
    save_weights(path, model.state_dict())
    other = torch.nn.Linear(3, 2)
    put_weights(other, load_weights(path), path)
    assert torch.equal(other.weight, model.weight)
    with pytest.raises(ValueError, match="'weight' should have shape \\(2, 4\\) \\(got \\(2, 3\\)\\)"):
        put_weights(torch.nn.Linear(4, 2), load_weights(path), path)
    path.write_bytes(b"nonsense")
    with pytest.raises(ValueError, match="are damaged"):
        load_weights(path)
    with pytest.raises(FileNotFoundError, match="there are no weights"):
        load_weights(tmp_path / "none.safetensors")


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (torch.zeros(1).expand(2**33), "is a view of fewer numbers"),
        ([tensor[k:] for tensor in [torch.zeros(500_000)] for k in range(40)], "its tensors are larger than the file"),
        (torch.eye(3).to_sparse(), "is not an ordinary one"),
        (torch.empty(2**40, device="meta"), "is not an ordinary one"),
        (torch.zeros(3).untyped_storage(), "it holds a"),
    ],
    ids=["view", "many views", "sparse", "meta", "storage"],
)
def test_tensors_that_claim_more_than_the_file_holds_are_refused(tmp_path: Path, value: Any, message: str) -> None:
    torch.save({"w": value}, tmp_path / "state.pt")
    with pytest.raises(InputError, match=f"state.pt' is damaged .*{message}.*; delete it and train again"):
        load_state(tmp_path / "state.pt")


def test_a_storage_that_claims_more_than_its_record_is_refused(tmp_path: Path) -> None:
    torch.save({"w": torch.arange(10.0)}, tmp_path / "whole.pt")
    with zipfile.ZipFile(tmp_path / "whole.pt") as old, zipfile.ZipFile(tmp_path / "state.pt", "w") as new:
        for member in old.infolist():
            content = old.read(member)
            if member.filename.endswith("data.pkl"):  # ten numbers become 2**28, in the storage and in the shape
                content = content.replace(b"K\n", b"J\x00\x00\x00\x10")
            new.writestr(member.filename, content)
    with pytest.raises(InputError, match="state.pt' is damaged"):
        load_state(tmp_path / "state.pt")


def test_nested_content_is_refused(tmp_path: Path) -> None:
    nested: list[Any] = []
    for _ in range(100_000):
        nested = [nested]
    with zipfile.ZipFile(tmp_path / "state.pt", "w") as archive:
        archive.writestr("state/data.pkl", b"\x80\x02" + b"]" * 100_000 + b"a" * 99_999 + b".")
        archive.writestr("state/version", b"3\n")
        archive.writestr("state/byteorder", b"little")
    with pytest.raises(InputError, match="state.pt' is damaged"):
        load_state(tmp_path / "state.pt")


def test_the_same_list_many_times_is_read_once(tmp_path: Path) -> None:
    value: list[Any] = [1]
    for _ in range(60):
        value = [value, value]  # 2**60 items if each were copied
    save_state(tmp_path / "state.pt", {"rows": value})
    rows, depth, seen = load_state(tmp_path / "state.pt")["rows"], 0, set[int]()
    while rows != [1]:
        assert len(rows) == 2 and rows[0] is rows[1] and id(rows) not in seen
        seen.add(id(rows))
        rows, depth = rows[0], depth + 1
    assert depth == 60


def test_a_checkpoint_carries_a_format(tmp_path: Path) -> None:
    path = tmp_path / "state.pt"
    save_state(path, {"epoch": 1})
    assert torch.load(path, weights_only=True) == {"epoch": 1, "format": 1}
    torch.save({"epoch": 1}, path)  # as an older version wrote it
    assert load_state(path) == {"epoch": 1}
    for form, message in ((2, "has format 2, and this graphkit reads 1"), ("a", "`format` is 'a'"), (0, "is 0")):
        torch.save({"epoch": 1, "format": form}, path)
        with pytest.raises(InputError, match=message):
            load_state(path)
    torch.save([1], path)
    with pytest.raises(InputError, match="no keys and values"):
        load_state(path)


def test_weights_of_another_type_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    model = torch.nn.Linear(3, 2)
    save_weights(path, {name: tensor.to(torch.int8) for name, tensor in model.state_dict().items()})
    with pytest.raises(InputError, match=r"'bias' should be torch.float32 \(got torch.int8\)"):
        put_weights(model, load_weights(path), path)


@pytest.mark.parametrize("size", [0, 7, 8, 50, 100])
def test_weights_that_are_cut_off_are_refused(tmp_path: Path, size: int) -> None:
    path = tmp_path / "model.safetensors"
    save_weights(path, torch.nn.Linear(30, 20).state_dict())
    path.write_bytes(path.read_bytes()[:size])
    with pytest.raises(InputError, match="are damaged"):
        load_weights(path)
    path.write_bytes((2**62).to_bytes(8, "little") + b"{}")  # a head that claims to be huge
    with pytest.raises(InputError, match="are damaged"):
        load_weights(path)


def stepped(optimizer: torch.optim.Optimizer) -> dict[str, Any]:
    for group in optimizer.param_groups:
        for parameter in group["params"]:
            parameter.grad = torch.ones_like(parameter)
    optimizer.step()
    return optimizer.state_dict()


def test_an_optimizer_takes_its_own_state_and_no_other() -> None:
    model = torch.nn.Linear(3, 2)
    for cls in (torch.optim.Adam, torch.optim.AdamW, torch.optim.SGD):
        optimizer = cls(model.parameters(), 0.1, **({"momentum": 0.9} if cls is torch.optim.SGD else {}))
        check_optimizer(optimizer.state_dict(), optimizer)
        check_optimizer(stepped(optimizer), optimizer)
    adam = torch.optim.Adam(model.parameters(), 0.1)
    others = [
        torch.optim.SGD(model.parameters(), 0.1),
        torch.optim.Adam(model.parameters(), 0.1, weight_decay=0.5),
        torch.optim.Adam([{"params": model.weight}, {"params": model.bias}], 0.1),
        torch.optim.Adam(torch.nn.Linear(4, 2).parameters(), 0.1),
        torch.optim.Adam([model.weight], 0.1),
    ]
    for other in others:
        with pytest.raises(InputError, match="optimizer"):
            check_optimizer(stepped(other), adam)


@pytest.mark.parametrize(
    "change",
    [
        lambda state: state["state"][0].pop("exp_avg"),
        lambda state: state["state"][0].update(exp_avg=torch.zeros(2, 3).int()),
        lambda state: state["state"][0].update(step="one"),
        lambda state: state["state"].update({9: {}}),
        lambda state: state["param_groups"][0].update(lr="fast"),
        lambda state: state["param_groups"][0].update(betas=(0.9, 0.9)),
        lambda state: state["param_groups"][0].update(momentum=0.9),
        lambda state: state["param_groups"].clear(),
        lambda state: state.update(state=[]),
    ],
)
def test_a_damaged_optimizer_is_refused(change: Any) -> None:
    optimizer = torch.optim.Adam(torch.nn.Linear(3, 2).parameters(), 0.1)
    state = copy.deepcopy(stepped(optimizer))
    change(state)
    with pytest.raises(InputError, match="optimizer"):
        check_optimizer(state, optimizer)
    del state["param_groups"]
    with pytest.raises(InputError, match=r"state.pt' is not one of this run"), of_this_run("state.pt"):
        check_optimizer(state, optimizer)


@pytest.fixture(scope="module")
def ended(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("ended") / "run"
    train = {"epochs": 3, "schedule": "plateau"}
    fit({"model": {"name": "gcn"}, "data": {"name": "karate"}, "train": train}, folder)
    return folder


@pytest.mark.parametrize(
    "change",
    [
        lambda state: state.pop("epoch"),
        lambda state: state.update(epoch=2),
        lambda state: state.update(epoch="3"),
        lambda state: state.update(epoch=10**30),
        lambda state: state.update(phase=0),
        lambda state: state.update(before=7),
        lambda state: state.update(rows=None),
        lambda state: state["rows"][0].pop("loss"),
        lambda state: state["rows"][0].update(loss="low"),
        lambda state: state["rows"].append({}),
        lambda state: state["model"].popitem(),
        lambda state: state["model"].update({key: value[:1] for key, value in state["model"].items()}),
        lambda state: state["model"].update({key: value.double() for key, value in state["model"].items()}),
        lambda state: state["selection"].pop("waited"),
        lambda state: state["selection"].update(weights={}),
        lambda state: state["selection"].update(score="best"),
        lambda state: state["selection"]["weights"].popitem(),
        lambda state: state["optimizer"]["state"].update({0: {"step": torch.tensor(1.0)}}),
        lambda state: state["schedule"].update(scheduler=None),
        lambda state: state["schedule"]["scheduler"].update(best="low"),
        lambda state: state["random"].update(torch=torch.zeros(3, dtype=torch.uint8)),
        lambda state: state["random"].update(order=torch.zeros(3)),
        lambda state: state.update(random=None),
        lambda state: state.update(config={"model": {"name": "gat"}}),
        lambda state: state.update(data={"y": "int64 [3] 0"}),
        lambda state: state.update(data=3),
    ],
)
def test_a_checkpoint_with_a_wrong_value_is_named(ended: Path, tmp_path: Path, change: Any) -> None:
    folder = tmp_path / "run"
    shutil.copytree(ended, folder)
    (folder / "fit.json").unlink()
    (folder / "result.json").unlink()
    state = load_state(folder / "state.pt")
    change(state)
    save_state(folder / "state.pt", state)
    with pytest.raises(InputError, match="state.pt' is not one of this run .*; delete it and train again") as error:
        resume(folder)
    assert "\n" not in str(error.value)
    (folder / "state.pt").unlink()
    assert resume(folder)["test"] == json.loads((ended / "result.json").read_text())["test"]


@pytest.mark.parametrize(
    "change",
    [
        lambda fitted: fitted.pop("test"),
        lambda fitted: fitted.update(test="high"),
        lambda fitted: fitted.update(seconds=float("inf")),
        lambda fitted: fitted.update(extras=3),
        lambda fitted: fitted.update(extras={"ged_e": "low"}),
        lambda fitted: fitted.update(curve=3),
        lambda fitted: fitted.pop("curve"),
        lambda fitted: fitted.update(seed=None),
    ],
)
def test_damaged_scores_of_a_fit_are_named(ended: Path, tmp_path: Path, change: Any) -> None:
    shutil.copytree(ended, tmp_path / "run")
    path = tmp_path / "run" / "fit.json"
    fitted = json.loads(path.read_text())
    change(fitted)
    path.write_text(json.dumps(fitted))
    with pytest.raises(InputError, match="fit.json' is damaged .*; delete it; --resume makes it again"):
        resume(tmp_path / "run")
    path.unlink()
    assert resume(tmp_path / "run")["test"] == json.loads((ended / "result.json").read_text())["test"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("epoch,loss\n1,0.5\n", "has no column 'phase'"),
        ("", "has no column 'epoch'"),
        ("{head}1,1,low,,,0.1,0.1\n", "line 2, is damaged"),
        ("{head}1,1,0.5\n", "line 2, is damaged"),
        ("{head}1,1,0.5,,,0.1,0.1\n,1,0.5,,,0.1,0.1\n", "line 3, is damaged"),
        ("{head}\xff", "is damaged"),
    ],
)
def test_a_damaged_table_of_epochs_is_named(ended: Path, tmp_path: Path, content: str, message: str) -> None:
    shutil.copytree(ended, tmp_path / "run")
    path = tmp_path / "run" / "metrics.csv"
    head = path.read_text().splitlines()[0] + "\n"
    path.write_bytes(content.replace("{head}", head).encode("latin-1"))
    with pytest.raises(InputError, match=f"metrics.csv'.*{message}"):
        _ = open_run(tmp_path / "run").metrics
