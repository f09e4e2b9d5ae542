import socket
from pathlib import Path

import pytest

from graphkit.data import load
from graphkit.data.dataset_info import Request, Source
from graphkit.data.download import REACHABLE_TIMEOUT
from graphkit.data.raw_files import cache_folder, find_raw, read_raw

SOURCE = Source("Family", "Member/raw", ("a.txt", "b.txt"), "http://127.0.0.1:9/member.zip")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    raw = tmp_path / "root" / "Family" / "Member" / "raw"
    raw.mkdir(parents=True)
    (raw / "a.txt").write_text("first")
    (raw / "b.txt").write_text("second")
    return tmp_path / "root"


def reader(root: str) -> str:
    """Behaves like a loader of PyG: processes once, then reads what it has written."""
    processed = Path(root, "Member", "processed.txt")
    if not processed.exists():
        raw = Path(root, SOURCE.raw)
        processed.write_text(f"{(raw / 'a.txt').read_text()} {(raw / 'b.txt').read_text()}")
    return processed.read_text()


def test_processed_files_go_to_the_cache_and_are_read_again(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    request = Request("member", SOURCE, root)
    assert read_raw(request, reader) == "first second"
    assert sorted(path.name for path in root.rglob("*.*")) == ["a.txt", "b.txt"]
    (stage,) = (cache_folder() / "processed").glob("member-*")
    (stage / "Member" / "processed.txt").write_text("from the cache")
    assert read_raw(request, reader) == "from the cache"


def test_other_raw_files_do_not_get_the_old_result(root: Path) -> None:
    request = Request("member-2", SOURCE, root)
    assert read_raw(request, reader) == "first second"
    (root / "Family" / "Member" / "raw" / "b.txt").write_text("changed!")
    assert read_raw(request, reader) == "first changed!"


def test_a_failed_read_leaves_nothing_behind(root: Path) -> None:
    def broken(root: str) -> None:
        Path(root, "half-written").write_text("x")
        raise IndexError("list index\nout of range")

    with pytest.raises(ValueError, match=r"raw files of 'broken' .* \(IndexError: list index out of range\)"):
        read_raw(Request("broken", SOURCE, root), broken)
    assert not list((cache_folder() / "processed").glob("broken*"))
    assert not list((cache_folder() / "processed").glob(".part-*"))


def test_without_links_the_files_are_copied(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: Path, target: Path, target_is_directory: bool = False) -> None:
        raise OSError("no links here")

    monkeypatch.setattr(Path, "symlink_to", refuse)
    assert read_raw(Request("member-3", SOURCE, root), reader) == "first second"


def test_an_unwritable_cache_is_replaced_by_a_temporary_one_with_a_warning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("GRAPHKIT_CACHE", str(tmp_path / "file" / "cache"))
    assert cache_folder().is_dir() and cache_folder() == cache_folder()
    assert tmp_path not in cache_folder().parents
    (message,) = caplog.messages
    assert str(tmp_path / "file" / "cache") in message and "set GRAPHKIT_CACHE" in message and "\n" not in message


def test_the_error_names_the_file_the_folder_and_the_address(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError) as error:
        load("pubmed", tmp_path)
    text = str(error.value)
    assert "\n" not in text
    for phrase in ("'pubmed'", "'ind.pubmed.x'", str(tmp_path / "Planetoid" / "PubMed" / "raw"), "https://github.com"):
        assert phrase in text
    assert not list(tmp_path.iterdir())


def test_offline_means_that_no_connection_is_tried(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "create_connection", lambda *_, **__: pytest.fail("a connection was tried"))
    with pytest.raises(FileNotFoundError, match="GRAPHKIT_OFFLINE"):
        load("cora", tmp_path)


def test_a_server_that_does_not_answer_is_given_up_at_once(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GRAPHKIT_OFFLINE")
    (root / "Family" / "Member" / "raw" / "b.txt").unlink()
    waits: list[float] = []

    def refuse(address: tuple[str, int], timeout: float) -> None:
        waits.append(timeout)
        raise ConnectionRefusedError

    monkeypatch.setattr(socket, "create_connection", refuse)
    with pytest.raises(FileNotFoundError, match=r"'b.txt'.*127.0.0.1 cannot be reached"):
        read_raw(Request("member", SOURCE, root), reader)
    assert waits == [REACHABLE_TIMEOUT] and REACHABLE_TIMEOUT <= 5  # seconds, and no second attempt


def test_an_earlier_download_is_found(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRAPHKIT_CACHE", str(tmp_path))
    root.rename(tmp_path / "raw")
    assert find_raw(Request("member", SOURCE, None)) == tmp_path / "raw" / "Family" / "Member" / "raw"
