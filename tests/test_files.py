import errno
import os
import pickle
import zipfile
from pathlib import Path
from typing import Any

import pytest

from graphkit.errors import InputError
from graphkit.files import check_zip, read_json, write_atomically, write_text, writing
from graphkit.processes import machine_id
from tests.child_process import Child


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


@pytest.mark.parametrize("name", ["../evil", "/evil", "a/../../evil", "..\\evil", "C:/evil", "c:evil", "a/b:evil"])
def test_unsafe_names_are_refused(tmp_path: Path, name: str) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("fine", "x")
        archive.writestr(name, "x")
    with pytest.raises(ValueError, match="has the unsafe member"):
        check_zip(tmp_path / "a.zip")


def test_a_safe_archive_passes_and_another_file_does_not(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("folder/fine..txt", "x")
    check_zip(tmp_path / "a.zip")
    (tmp_path / "b.zip").write_text("x")
    with pytest.raises(ValueError, match="is not a readable archive"):
        check_zip(tmp_path / "b.zip")


@pytest.mark.parametrize("mask", [0o022, 0o077, 0o002])
def test_a_file_has_the_permissions_of_any_new_file(tmp_path: Path, mask: int) -> None:
    before = os.umask(mask)
    try:
        write_text(tmp_path / "file", "x")
        (tmp_path / "other").write_text("x")
    finally:
        os.umask(before)
    assert (tmp_path / "file").stat().st_mode == (tmp_path / "other").stat().st_mode


def fill(temporary: Path) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


def fill_by_numpy(temporary: Path) -> None:
    raise OSError("10000 requested and 1008 written")


def fill_by_torch(temporary: Path) -> None:
    raise RuntimeError("[enforce fail at inline_container.cc:672] . unexpected pos 704 vs 598")


@pytest.mark.parametrize("write", [fill, fill_by_numpy, fill_by_torch])
def test_a_full_disk_is_named_with_the_file_and_the_remedy(tmp_path: Path, write: Any) -> None:
    with pytest.raises(OSError) as error:
        write_atomically(tmp_path / "state.pt", write)
    assert str(tmp_path / "state.pt") in str(error.value)
    assert "free space on the disk" in str(error.value) and "--resume" in str(error.value)
    assert error.value.errno == errno.ENOSPC and not list(tmp_path.iterdir())
    assert str(pickle.loads(pickle.dumps(error.value))) == str(error.value)  # it is told to other processes


def test_a_real_limit_on_the_size_of_files(tmp_path: Path) -> None:
    resource = pytest.importorskip("resource")

    def limited() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
        with pytest.raises(OSError, match=r"file' cannot be written \(File too large\); free space"):
            write_text(tmp_path / "file", "x" * 5000)
        write_text(tmp_path / "file", "x" * 500)

    assert Child(limited, tmp_path / "errors").end() == 0, (tmp_path / "errors").read_text()


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="none/file' cannot be written .*choose another place"):
        write_text(tmp_path / "none" / "file", "x")


def test_errors_of_a_connection_and_of_other_files_pass(tmp_path: Path) -> None:
    for given in (ConnectionResetError(104, "reset"), OSError("cut off"), PermissionError(13, "no", "/elsewhere/x")):
        with pytest.raises(OSError) as error, writing(tmp_path, space=True):
            raise given
        assert error.value is given


@pytest.mark.parametrize(
    "content",
    [b"{", b"\xff\xfe", b"[" * 100_000, b'{"a": ' + b"9" * 5000 + b"}"],
    ids=["cut off", "not utf-8", "deep", "long number"],
)
def test_a_damaged_json_file_is_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "result.json").write_bytes(content)
    with pytest.raises(InputError, match="result.json' is damaged .*; delete it"):
        read_json(tmp_path / "result.json")


def test_a_huge_json_file_is_not_read(tmp_path: Path) -> None:
    with (tmp_path / "result.json").open("wb") as file:
        file.truncate(2**33)  # takes no space
    with pytest.raises(InputError, match="8,589,934,592 bytes"):
        read_json(tmp_path / "result.json")
