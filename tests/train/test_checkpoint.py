import os
import signal
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import torch

from graphkit.train.checkpoint import load_state, load_weights, put_weights, save_state, save_weights


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
    whole = path.read_bytes()
    for content in (b"", b"nonsense", whole[: len(whole) // 2]):
        path.write_bytes(content)
        with pytest.raises(ValueError) as error:
            load_state(path)
        assert str(path) in str(error.value) and "\n" not in str(error.value)
    flipped = bytearray(whole)
    flipped[len(whole) // 2] ^= 1  # in the middle of the weights
    path.write_bytes(bytes(flipped))
    with pytest.raises(ValueError, match="does not match its checksum"):
        load_state(path)
    with pytest.raises(FileNotFoundError, match="there is no checkpoint"):
        load_state(tmp_path / "other.pt")


def test_an_archive_that_leads_out_of_its_folder_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "state.pt"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("../evil.txt", "x")
    with pytest.raises(ValueError, match="unsafe name '../evil.txt'"):
        load_state(path)


WRITE = """
import os, signal, sys
from pathlib import Path
from graphkit.train import checkpoint
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
