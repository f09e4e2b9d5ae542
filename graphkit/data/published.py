"""SHA-256 digests of published raw files, against which the files at hand are compared."""

import hashlib
from functools import cache
from importlib.resources import files
from pathlib import Path

from graphkit.data.dataset_info import Source

TABLE = "published.sha256"


@cache
def digests() -> dict[str, frozenset[str]]:
    """Returns the digests by path below the root; a text file has another one with the line ends of Windows."""
    found: dict[str, set[str]] = {}
    for line in files("graphkit.data").joinpath(TABLE).read_text(encoding="ascii").splitlines():
        digest, path = line.split("  ", 1)
        found.setdefault(path, set()).add(digest)
    return {path: frozenset(values) for path, values in found.items()}


def changed_files(source: Source, raw: Path) -> list[str]:
    """Returns the raw files that differ from the published ones; files without a known digest do not count.

    Args:
        source: The data set.
        raw: The folder with its raw files.
    """
    prefix = f"{Path(source.folder, source.raw).as_posix()}/"
    known = {path.removeprefix(prefix): values for path, values in digests().items() if path.startswith(prefix)}
    return [name for name, values in known.items() if (raw / name).is_file() and _digest(raw / name) not in values]


def _digest(path: Path) -> str:
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while block := file.read(2**20):
            digest.update(block)
    return digest.hexdigest()
