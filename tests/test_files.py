import os
import zipfile
from pathlib import Path

import pytest

from graphkit.files import check_zip, write_atomically, write_text
from graphkit.processes import machine_id
from tests.train.shards.processes import Child


def test_a_write_that_fails_leaves_the_old_content(tmp_path: Path) -> None:
    path = tmp_path / "file"
    write_text(path, "old")

    def fail(temporary: Path) -> None:
        temporary.write_text("half")
        raise RuntimeError("disk full")

    with pytest.raises(RuntimeError, match="disk full"):
        write_atomically(path, fail)
    assert path.read_text() == "old" and [entry.name for entry in tmp_path.iterdir()] == ["file"]


def test_what_a_killed_process_left_goes_but_not_what_another_machine_writes(tmp_path: Path) -> None:
    child = Child(lambda: None, tmp_path / "errors")
    child.end()
    left = tmp_path / f".file.{machine_id()}-{child.process}-abc.part"
    others = [tmp_path / f".file.{machine_id()}-{os.getpid()}-abc.part", tmp_path / ".file.0123abcd-1-abc.part"]
    for path in (left, *others):
        path.touch()
    write_text(tmp_path / "file", "new")
    assert not left.exists() and all(path.exists() for path in others)


@pytest.mark.parametrize("name", ["../evil", "/evil", "a/../../evil", "..\\evil", "C:/evil"])
def test_unsafe_names_are_refused(tmp_path: Path, name: str) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("fine", "x")
        archive.writestr(name, "x")
    with pytest.raises(ValueError, match="holds the unsafe name"):
        check_zip(tmp_path / "a.zip")


def test_a_safe_archive_passes_and_another_file_does_not(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("folder/fine..txt", "x")
    check_zip(tmp_path / "a.zip")
    (tmp_path / "b.zip").write_text("x")
    with pytest.raises(ValueError, match="is not a readable archive"):
        check_zip(tmp_path / "b.zip")
