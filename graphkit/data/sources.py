"""List of named data sets and their raw files, without importing PyTorch."""

import atexit
import logging
import os
import shutil
import tempfile
from dataclasses import asdict, dataclass
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

from graphkit.errors import InputTypeError
from graphkit.registry import canonical_dataset, dataset_names, get_dataset, manifest, unknown_name

#: SHA-256 digests of the published raw files.
DIGESTS = "published.sha256"
#: Suffixes of user data files.
OWN_SUFFIXES = (".npz", ".pt", ".graphml", ".csv", ".tsv")
#: Files that identify a folder as user data.
OWN_FILES = ("edges.csv", "edges.tsv", "labels.csv", "edge_index.npy", "edge_index.safetensors")


#: License of data whose source states none.
NO_LICENSE = "none stated"
#: License of data in a repository with that license, which need not cover them.
REPOSITORY_MIT = "MIT (of the repository)"


@dataclass(frozen=True)
class Source:
    """Origin of a data set: raw files, address, license and citation.

    Args:
        folder (str, optional): Root folder of PyG's loader below the data root, such as ``"Planetoid"``. (default:
            ``""``)
        raw (str, optional): Folder of the raw files below ``folder``, such as ``"Cora/raw"``. (default: ``"raw"``)
        files (tuple[str, ...], optional): Required files and folders; empty for generated data. (default: ``()``)
        address (str, optional): Public URL, or the origin of generated data. (default: ``""``)
        optional (bool, optional): The data set also works without the files. (default: ``False``)
        urls (tuple[str, ...]): Download URLs of ``.zip`` archives and single files. (default: empty; the reader may
            download)
        pickled (bool, optional): Files are pickles, which are rejected if their digest is wrong. (default: ``False``)
        citation (str, optional): Publication or origin. (default: ``""``)
        license (str, optional): License that the source states, or :data:`NO_LICENSE`; empty for generated data.
            (default: ``""``)
        num_bytes (int, optional): Size of the required raw files. (default: ``None``, unknown)
    """

    folder: str = ""
    raw: str = "raw"
    files: tuple[str, ...] = ()
    address: str = ""
    optional: bool = False
    urls: tuple[str, ...] = ()
    pickled: bool = False
    citation: str = ""
    license: str = ""
    num_bytes: int | None = None


@dataclass(frozen=True)
class Benchmark:
    """Targets of a data set and their evaluation, as published.

    Args:
        targets (str): Meaning of the targets.
        num_targets (int): Number of targets.
        metric (str): Metric of the data set.
        split (str): Split of the data set: ``"random"`` or ``"scaffold"`` with fractions, one per seed; or
            ``"published"``.
        unit (str, optional): Unit of the targets; empty for labels. (default: ``""``)
    """

    targets: str
    num_targets: int
    metric: str
    split: str
    unit: str = ""


@dataclass(frozen=True)
class Request:
    """Request for a data set: name, source and data root (``None``: cache only)."""

    name: str
    source: Source
    root: Path | None = None


@cache
def _digests() -> dict[str, frozenset[str]]:
    by_path: dict[str, set[str]] = {}
    for line in resources.files("graphkit.data").joinpath(DIGESTS).read_text(encoding="ascii").splitlines():
        digest, path = line.split("  ", 1)
        by_path.setdefault(path, set()).add(digest)
    return {path: frozenset(values) for path, values in by_path.items()}


def published_digests(source: Source) -> dict[str, frozenset[str]]:
    """Returns the SHA-256 digests of published raw files by name.

    A text file has two digests, one for each kind of line ends, if it is published with CRLF. Files whose digest is not
    on record are missing.
    """
    prefix = f"{Path(source.folder, source.raw).as_posix()}/"
    return {path.removeprefix(prefix): values for path, values in _digests().items() if path.startswith(prefix)}


@dataclass(frozen=True)
class DatasetRow:
    """Row of :func:`list_datasets`.

    Args:
        name (str): Name of the data set.
        task (str): Task.
        origin (str): Public URL, or the origin of generated data.
        available (bool): The data set can be loaded without a network.
    """

    name: str
    task: str
    origin: str
    available: bool


def list_datasets(root: str | os.PathLike[str] | None = None) -> list[DatasetRow]:
    """Lists all named data sets in alphabetical order, with availability offline.

    Args:
        root (str or Path, optional): Folder of raw files. (default: ``GRAPHKIT_DATA``)

    Raises:
        FileNotFoundError: If the root is not a folder.

    Example:
        >>> "cora" in [row.name for row in list_datasets()]
        True
    """
    folder, rows = resolve_root(root), []
    for name in dataset_names():
        task, source, _ = _listed(name)
        available = source.optional or find_raw(Request(name, source, folder)) is not None
        rows.append(DatasetRow(name, task, source.address, available))
    return rows


def _listed(name: str) -> tuple[str, Source, Benchmark | None]:
    listed = manifest().get("data set", {})
    if name in listed:
        benchmark = listed[name].get("benchmark")
        return listed[name]["task"], Source(**listed[name]["source"]), Benchmark(**benchmark) if benchmark else None
    entry = get_dataset(name)
    return entry.task, entry.source, entry.benchmark


def describe_dataset(name: str, root: str | os.PathLike[str] | None = None) -> dict[str, Any]:
    """Returns address, license, citation, size, checksums and targets of a data set.

    Args:
        name (str): Registered name.
        root (str or Path, optional): Folder of raw files. (default: ``GRAPHKIT_DATA``)

    Returns:
        A dictionary for JSON. ``license`` is ``"none stated"`` if the source states none, and ``None`` for generated
        data; ``bytes`` is ``None`` if the size is unknown; ``sha256`` has the files whose digests are on record;
        ``benchmark`` has the fields of :class:`Benchmark`, and is ``None`` for other data than molecules.

    Raises:
        InputError: If the name is unknown.

    Example:
        >>> describe_dataset("cora")["license"]
        'MIT (of the repository)'
    """
    name = canonical_dataset(name)
    if name not in dataset_names():
        raise unknown_name("data set", name, dataset_names())
    task, source, benchmark = _listed(name)
    return {
        "name": name,
        "task": task,
        "benchmark": None if benchmark is None else asdict(benchmark),
        "address": source.address,
        "license": source.license or None,
        "citation": source.citation or source.address,
        "bytes": source.num_bytes,
        "sha256": {file: sorted(values) for file, values in published_digests(source).items()},
        "folder": Path(source.folder, source.raw).as_posix() if source.files else None,
        "files": list(source.files),
        "available": source.optional or find_raw(Request(name, source, resolve_root(root))) is not None,
    }


def is_path(name_or_path: str | os.PathLike[str]) -> bool:
    """Returns whether the argument is a path instead of the name of a data set.

    Raises:
        InputTypeError: If it is neither text nor a path.
    """
    if not isinstance(name_or_path, str | os.PathLike) or not isinstance(os.fspath(name_or_path), str):
        hint = "; save a graph with torch.save(data, 'graph.pt') and give the path of the file"
        raise InputTypeError(
            "`name_or_path` must be the name of a data set, or the path of a file or folder "
            f"(got {type(name_or_path).__name__}){hint}"
        )
    text = os.fspath(name_or_path)
    if not text.strip():
        return False
    if not isinstance(name_or_path, str) or os.sep in text or "/" in text or text.startswith("."):
        return True
    if text.lower().endswith(OWN_SUFFIXES) or any(Path(text, file).is_file() for file in OWN_FILES):
        return True
    return text not in dataset_names() and Path(text).exists()


def resolve_root(root: str | os.PathLike[str] | None) -> Path | None:
    """Returns the folder of raw files: ``root`` or ``GRAPHKIT_DATA`` or ``None``.

    Raises:
        FileNotFoundError: If it is not a folder.
    """
    origin, value = ("the root", root) if root is not None else ("GRAPHKIT_DATA", os.environ.get("GRAPHKIT_DATA"))
    if not value:
        return None
    path = Path(value).expanduser()
    if not path.is_dir():
        raise FileNotFoundError(f"{origin} must be a folder with raw files (got '{path}', which is not a folder)")
    return path


def cache_folder() -> Path:
    """Returns the cache folder: ``GRAPHKIT_CACHE``, or ``~/.cache/graphkit``.

    If it is not writable, a temporary folder is used until the process ends, and a warning is logged.
    """
    wanted = Path(os.environ.get("GRAPHKIT_CACHE") or "~/.cache/graphkit").expanduser()
    try:
        wanted.mkdir(parents=True, exist_ok=True)
    except OSError:
        return _temporary_cache(wanted)
    return wanted if os.access(wanted, os.W_OK | os.X_OK) else _temporary_cache(wanted)


@cache
def _temporary_cache(wanted: Path) -> Path:
    logging.getLogger("graphkit.data").warning(
        "the cache folder '%s' is not writable: downloaded and processed files are lost when the process ends; "
        "set GRAPHKIT_CACHE to a folder that is",
        wanted,
    )
    folder = tempfile.mkdtemp(prefix="graphkit-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return Path(folder)


def candidates(request: Request) -> list[Path]:
    """Returns the folders to search for raw files: the data root, then the cache."""
    below = Path(request.source.folder, request.source.raw)
    roots = [request.root] if request.root is not None else []
    return [root / below for root in (*roots, cache_folder() / "raw")]


def find_raw(request: Request) -> Path | None:
    """Returns the folder with all raw files of a data set, or ``None``."""
    for folder in candidates(request):
        if all((folder / name).exists() for name in request.source.files):
            return folder
    return None
