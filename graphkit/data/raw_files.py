"""Raw files: lookup, download, verification, and a cache of processed data."""

import contextlib
import hashlib
import io
import logging
import os
import warnings
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import torch
import torch_geometric

from graphkit.data.download import fetch_files, private_folder, publish, socket_timeout, unreachable_host
from graphkit.data.sources import Request, Source, cache_folder, candidates, find_raw, published_digests
from graphkit.errors import InputError
from graphkit.files import link_or_copy, write_atomically

T = TypeVar("T")
logger = logging.getLogger("graphkit.data")
#: Version of the cache format.
CACHE_FORMAT = 1


def missing_files(request: Request, reason: str = "") -> FileNotFoundError:
    """Returns the error for missing raw files, with their location and URL."""
    source, folder = request.source, candidates(request)[0]
    absent = next((name for name in source.files if not (folder / name).exists()), "")
    return FileNotFoundError(
        f"the data set '{request.name}' needs the raw file '{absent}', which is not in '{folder}'; it comes from "
        f"{source.address}{reason}; put it there, or say with --root or GRAPHKIT_DATA where it is"
    )


def read_files(request: Request, reader: Callable[[Path], T]) -> T:
    """Finds or downloads the raw files of a data set, verifies and reads them.

    Pickles with a wrong digest are rejected; for other files a warning is logged.

    Args:
        request (Request): Requested data set.
        reader (callable): Takes the folder of the raw files, in which it must not write.

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


def changed_files(source: Source, raw: Path) -> list[str]:
    """Returns the raw files whose digest differs from the published one.

    Args:
        source (Source): Source of the data set.
        raw (Path): Folder of the raw files.
    """
    expected = published_digests(source).items()
    return [name for name, values in expected if (raw / name).is_file() and _digest(raw / name) not in values]


def _digest(path: Path) -> str:
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while block := file.read(2**20):
            digest.update(block)
    return digest.hexdigest()


@cache
def _note(text: str) -> None:
    """Logs a warning once per process."""
    logger.warning("%s", text)


def read_cached(request: Request, reader: Callable[[Path], dict[str, Any]], key: str = "data") -> dict[str, Any]:
    """Reads raw files like :func:`read_files`, and caches the result.

    The cache file contains tensors, text and containers and is loaded with ``weights_only=True``. If it is damaged, the
    raw files are read again.

    Args:
        request (Request): Requested data set.
        reader (callable): Takes the folder of the raw files and returns the tensors.
        key (str, optional): Distinguishes results of different options. (default: ``"data"``)
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
    """Runs a loader that writes below its root, without writing to the raw files.

    The loader gets a cache folder with links to the raw files, which also receives its processed files. The folder is
    renamed when complete. Its name is derived from the path, sizes and times of the raw files.

    Args:
        request (Request): Requested data set.
        reader (callable): Takes the root folder of the loader.

    Raises:
        FileNotFoundError: If raw files are missing and cannot be downloaded.
        InputError: If the raw files cannot be read.
    """
    raw = find_raw(request) or _download(request, reader)
    stage = cache_folder() / "processed" / f"{request.name}-{_fingerprint(request, raw)}"
    if not stage.is_dir():
        with private_folder(stage.parent) as folder:
            link = folder / request.source.raw
            link.parent.mkdir(parents=True, exist_ok=True)
            link_or_copy(raw, link)
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
    # Suppresses the output of loaders and warnings about pickles of old NumPy versions.
    sink = io.StringIO()
    with warnings.catch_warnings(), contextlib.redirect_stderr(sink), contextlib.redirect_stdout(sink):
        warnings.simplefilter("ignore")
        warnings.filterwarnings("error", message="Weights only load failed")  # PyG would fall back to an unsafe load
        return reader(str(folder))


def _fingerprint(request: Request, raw: Path) -> str:
    parts = [torch_geometric.__version__, str(raw.resolve())]
    for name in request.source.files:
        status = (raw / name).stat()
        parts.append(f"{name} {status.st_size} {status.st_mtime_ns}")
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


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
    logger.info("downloading '%s' from %s to %s", request.name, source.address, target)
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
