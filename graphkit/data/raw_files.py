"""Raw files that are only read: finding them, fetching them, and keeping what is made of them in the cache folder."""

import contextlib
import hashlib
import io
import os
import shutil
import sys
import warnings
from collections.abc import Callable
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any, TypeVar

import torch
import torch_geometric

from graphkit.data.download import fetch_files, private_folder, publish, socket_timeout, unreachable_host
from graphkit.data.sources import Request, Source, cache_folder, candidates, find_raw
from graphkit.errors import InputError
from graphkit.files import write_atomically
from graphkit.screen import printable

T = TypeVar("T")
#: Changes when the content of the files in the cache does.
CACHE_FORMAT = 1
#: File with the SHA-256 digests of published raw files.
TABLE = "published.sha256"


def missing_files(request: Request, reason: str = "") -> FileNotFoundError:
    """Returns the error for raw files that are absent: which, where they were looked for, where the public copy is."""
    source, folder = request.source, candidates(request)[0]
    absent = next((name for name in source.files if not (folder / name).exists()), "")
    return FileNotFoundError(
        f"the data set '{request.name}' needs the raw file '{absent}', which is not in '{folder}'; it comes from "
        f"{source.address}{reason}; put it there, or say with --root or GRAPHKIT_DATA where it is"
    )


def read_files(request: Request, reader: Callable[[Path], T]) -> T:
    """Finds or downloads the raw files of a data set, compares them with the published ones and reads them.

    A pickle that differs from the published one is refused; of other files that differ a line says so.

    Args:
        request: The data set that is asked for.
        reader: Called with the folder of the raw files, in which it must not write.

    Raises:
        FileNotFoundError: If raw files are missing and cannot be downloaded.
        InputError: If the raw files cannot be read.
    """
    raw = find_raw(request) or _download(request)
    try:
        changed = changed_files(request.source, raw)
        if changed and request.source.pickled:
            raise InputError(f"{changed[0]}: its SHA-256 is not that of the published file")
        if changed:
            _note(f"raw files of '{request.name}' are not the published ones: {', '.join(changed[:3])}")
        return reader(raw)
    except InputError as error:
        raise InputError(
            f"the raw files of '{request.name}' in '{raw}' cannot be read ({error}); fetch them again from "
            f"{request.source.address}, or give an edited graph as a file of your own"
        ) from error


@cache
def digests() -> dict[str, frozenset[str]]:
    """Returns the digests by path below the root; a text file has another one with the line ends of Windows."""
    by_path: dict[str, set[str]] = {}
    for line in resources.files("graphkit.data").joinpath(TABLE).read_text(encoding="ascii").splitlines():
        digest, path = line.split("  ", 1)
        by_path.setdefault(path, set()).add(digest)
    return {path: frozenset(values) for path, values in by_path.items()}


def changed_files(source: Source, raw: Path) -> list[str]:
    """Returns the raw files that differ from the published ones; files without a known digest do not count.

    Args:
        source: The data set.
        raw: The folder with its raw files.
    """
    prefix = f"{Path(source.folder, source.raw).as_posix()}/"
    expected = {path.removeprefix(prefix): values for path, values in digests().items() if path.startswith(prefix)}
    return [name for name, values in expected.items() if (raw / name).is_file() and _digest(raw / name) not in values]


def _digest(path: Path) -> str:
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while block := file.read(2**20):
            digest.update(block)
    return digest.hexdigest()


@cache
def _note(text: str) -> None:
    """Prints a line, once in a process."""
    print(f"note: {printable(text)}", file=sys.stderr)


def read_cached(request: Request, reader: Callable[[Path], dict[str, Any]], key: str = "data") -> dict[str, Any]:
    """Reads raw files as :func:`read_files` does, and keeps what came of them in the cache folder.

    The file in the cache holds tensors, text and containers, and is read with ``weights_only=True``: nothing in it is
    run. If it is damaged, the raw files are read again.

    Args:
        request: The data set that is asked for.
        reader: Makes the tensors.
        key: Tells the results of different options apart.
    """
    raw = find_raw(request)
    if raw is not None:
        kept = _kept(request, raw, key)
        with contextlib.suppress(Exception):
            return torch.load(kept, weights_only=True)
    content = read_files(request, reader)
    kept = _kept(request, find_raw(request) or Path(), key)
    kept.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(kept, lambda temporary: torch.save(content, temporary))
    return content


def _kept(request: Request, raw: Path, key: str) -> Path:
    name = f"{request.name}-{_fingerprint(request, raw)}-{key}-{CACHE_FORMAT}.pt"
    return cache_folder() / "processed" / name


def read_raw(request: Request, reader: Callable[[str], T]) -> T:
    """Lets a loader that writes below its root read raw files without writing beside them.

    The loader gets a folder of the cache in which the raw files are linked and which takes its processed files. The
    folder appears in one step when it is complete, and its name follows from where the raw files lie and from their
    sizes and times, so that two roots never mix.

    Args:
        request: The data set that is asked for.
        reader: Called with the folder that the loader takes as its root.

    Raises:
        FileNotFoundError: If raw files are missing and cannot be downloaded.
        ValueError: If the raw files cannot be read.
    """
    raw = find_raw(request) or _download(request, reader)
    stage = cache_folder() / "processed" / f"{request.name}-{_fingerprint(request, raw)}"
    if not stage.is_dir():
        with private_folder(stage.parent) as folder:
            _link(raw, folder / request.source.raw)
            _read(request, raw, reader, folder)
            publish(folder, stage)
    return _read(request, raw, reader, stage)


def _read(request: Request, raw: Path, reader: Callable[[str], T], folder: Path) -> T:
    try:
        return _quietly(reader, folder)
    except (OSError, ImportError):
        raise
    except Exception as error:
        line = " ".join(str(error).split()).replace(str(folder), str(raw))
        detail = line if isinstance(error, InputError) else f"{type(error).__name__}: {line[:200]}"
        raise InputError(
            f"the raw files of '{request.name}' in '{raw}' cannot be read ({detail}); fetch them again from "
            f"{request.source.address}"
        ) from error


def _quietly(reader: Callable[[str], T], folder: Path) -> T:
    # The loaders print what they do, and the pickles of old numpy versions warn; none of it concerns the user.
    sink = io.StringIO()
    with warnings.catch_warnings(), contextlib.redirect_stderr(sink), contextlib.redirect_stdout(sink):
        warnings.simplefilter("ignore")
        warnings.filterwarnings("error", message="Weights only load failed")  # PyG would go on to an unsafe load
        return reader(str(folder))


def _fingerprint(request: Request, raw: Path) -> str:
    parts = [torch_geometric.__version__, str(raw.resolve())]
    for name in request.source.files:
        status = (raw / name).stat()
        parts.append(f"{name} {status.st_size} {status.st_mtime_ns}")
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


def _link(raw: Path, link: Path) -> None:
    link.parent.mkdir(parents=True, exist_ok=True)
    try:
        link.symlink_to(raw.resolve(), target_is_directory=True)
    except OSError:  # file systems without links
        shutil.copytree(raw, link)


def _download(request: Request, reader: Callable[[str], Any] | None = None) -> Path:
    source = request.source
    if os.environ.get("GRAPHKIT_OFFLINE"):
        raise missing_files(request, " (downloads are switched off by GRAPHKIT_OFFLINE)")
    if reader is None and not source.urls:
        raise missing_files(request, " (it is not downloaded)")
    host = unreachable_host(source.urls[0] if source.urls else source.address)
    if host:
        raise missing_files(request, f" ({host} cannot be reached from here)")
    target = cache_folder() / "raw" / source.folder / source.raw
    print(f"downloading '{request.name}' from {source.address} to {printable(target)}", file=sys.stderr)
    try:
        with socket_timeout(), private_folder(cache_folder() / "raw") as folder:
            raw = folder / source.raw
            raw.mkdir(parents=True)
            if source.urls:
                fetch_files(source.urls, raw, source.files)
                changed = changed_files(source, raw)
                if changed:
                    raise InputError(f"the SHA-256 of {changed[0]} is not that of the published file")
            elif reader is not None:
                _quietly(reader, folder)
            publish(raw, target)
    except Exception as error:
        line = " ".join(str(error).split()).replace(str(folder), str(raw))
        detail = line if isinstance(error, InputError) else f"{type(error).__name__}: {line[:200]}"
        raise missing_files(request, f" (the download failed: {detail})") from error
    return target
