"""List of the named data sets, and the folders of their raw files; nothing is loaded, and PyTorch is not imported."""

import atexit
import os
import shutil
import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from graphkit.errors import InputTypeError
from graphkit.registry import dataset_names, get_dataset, manifest

#: Suffixes of a user's own files.
OWN_SUFFIXES = (".npz", ".pt", ".graphml", ".csv")
#: What shows that a folder is data of a user's own.
OWN_FILES = ("edges.csv", "labels.csv", "edge_index.npy", "edge_index.safetensors")


@dataclass(frozen=True)
class Source:
    """Where the raw files of a data set lie below the root, and where the public copy is.

    Args:
        folder: Folder below the root that PyG's loader calls its root, such as ``"Planetoid"``.
        raw: Folder with the raw files below that one, such as ``"Cora/raw"``.
        files: Names of the files and folders that must be there; none for data that are generated or come with a
            library.
        address: Public address of the files, or one line on where generated data come from.
        optional: Whether the data set also works without the files.
        urls: Where the files are downloaded from: archives (``.zip``) and single files, gzipped or not. By default the
            reader downloads them, if anything does.
        pickled: Whether files are pickles. A pickle that differs from the published one is refused, others are noted.
    """

    folder: str = ""
    raw: str = "raw"
    files: tuple[str, ...] = ()
    address: str = ""
    optional: bool = False
    urls: tuple[str, ...] = ()
    pickled: bool = False


@dataclass(frozen=True)
class Request:
    """One call for a data set: its name, its source and where to look for the raw files (``None``: the cache only)."""

    name: str
    source: Source
    root: Path | None = None


@dataclass(frozen=True)
class DatasetRow:
    """One data set.

    Args:
        name: The name to load it by.
        task: What is to be predicted.
        origin: The public address of the raw files, or one line on how the data come about.
        available: Whether it can be loaded from the root, or from earlier downloads, without a network.
    """

    name: str
    task: str
    origin: str
    available: bool


def list_datasets(root: str | os.PathLike[str] | None = None) -> list[DatasetRow]:
    """Lists all named data sets in alphabetical order and says which can be loaded without a network.

    Args:
        root: Folder with raw files; by default ``GRAPHKIT_DATA``.

    Raises:
        FileNotFoundError: If the root is not a folder.
    """
    folder = resolve_root(root)
    listed, rows = manifest().get("data set", {}), []
    for name in dataset_names():
        if name in listed:
            task, source = listed[name]["task"], Source(**listed[name]["source"])
        else:
            entry = get_dataset(name)
            task, source = entry.task, entry.source
        available = source.optional or find_raw(Request(name, source, folder)) is not None
        rows.append(DatasetRow(name, task, source.address, available))
    return rows


def is_path(name_or_path: str | os.PathLike[str]) -> bool:
    """Whether this stands for a file or folder of the user's and not for a name.

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
    """Returns the folder with raw files: the one given, the one in ``GRAPHKIT_DATA``, or none.

    Raises:
        FileNotFoundError: If it is not a folder.
    """
    origin, value = ("the root", root) if root is not None else ("GRAPHKIT_DATA", os.environ.get("GRAPHKIT_DATA"))
    if not value:
        return None
    path = Path(value).expanduser()
    if not path.is_dir():
        raise FileNotFoundError(f"{origin} must be a folder with raw files (got '{path}', which is none)")
    return path


def cache_folder() -> Path:
    """Returns the folder for what is downloaded or processed: ``GRAPHKIT_CACHE``, or ``~/.cache/graphkit``.

    If it cannot be written, a temporary folder takes its place for the life of the process.
    """
    wanted = Path(os.environ.get("GRAPHKIT_CACHE") or "~/.cache/graphkit").expanduser()
    try:
        wanted.mkdir(parents=True, exist_ok=True)
    except OSError:
        return _temporary_cache()
    return wanted if os.access(wanted, os.W_OK | os.X_OK) else _temporary_cache()


@cache
def _temporary_cache() -> Path:
    folder = tempfile.mkdtemp(prefix="graphkit-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return Path(folder)


def candidates(request: Request) -> list[Path]:
    """Returns the folders in which the raw files are looked for: below the root, then among earlier downloads."""
    below = Path(request.source.folder, request.source.raw)
    roots = [request.root] if request.root is not None else []
    return [root / below for root in (*roots, cache_folder() / "raw")]


def find_raw(request: Request) -> Path | None:
    """Returns the folder that holds all raw files of a data set, or ``None``."""
    for folder in candidates(request):
        if all((folder / name).exists() for name in request.source.files):
            return folder
    return None
