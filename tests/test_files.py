import zipfile
from pathlib import Path

import pytest

from graphkit.files import check_zip, write_atomically, write_text


def test_a_write_that_fails_leaves_the_old_content(tmp_path: Path) -> None:
    path = tmp_path / "file"
    write_text(path, "old")

    def fail(temporary: Path) -> None:
        temporary.write_text("half")
        raise RuntimeError("disk full")

    with pytest.raises(RuntimeError, match="disk full"):
        write_atomically(path, fail)
    assert path.read_text() == "old" and [entry.name for entry in tmp_path.iterdir()] == ["file"]


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
