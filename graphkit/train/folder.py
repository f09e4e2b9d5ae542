"""Where a run goes."""

import os
import tempfile
from pathlib import Path
from typing import Any

from graphkit.train.config import read_config


def make_folder(output: str | Path | None, name: str) -> Path:
    """Makes the folder of a new run.

    Args:
        output: The folder; ``None`` for the next free ``runs/NAME-001``.
        name: What a new folder is named after.

    Raises:
        ValueError: If the folder holds something already, or cannot be made or written to.
    """
    try:
        if output is None:
            return _next_free(Path("runs"), name)
        folder = Path(output)
        if folder.is_dir() and any(folder.iterdir()):
            raise ValueError(f"the output folder '{folder}' is not empty; choose another, or --resume it")
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise ValueError(f"the output folder cannot be written: '{error.filename}' ({os.strerror(error.errno or 0)})") \
            from None
    return folder


def folder_config(folder: Path) -> dict[str, Any]:
    """Returns the settings that a run folder holds.

    Raises:
        FileNotFoundError: If the folder is not a run.
        ValueError: If its ``config.yaml`` cannot be read.
    """
    if not (folder / "config.yaml").is_file():
        raise FileNotFoundError(f"'{folder}' is not a run folder (it has no config.yaml)")
    return read_config(folder / "config.yaml")


def _next_free(parent: Path, name: str) -> Path:
    """Makes and returns the first folder ``NAME-001``, ``NAME-002``, ... that does not exist."""
    parent.mkdir(exist_ok=True)
    number = 1
    while True:
        folder = parent / f"{name}-{number:03d}"
        try:
            folder.mkdir()
            return folder
        except FileExistsError:  # taken, perhaps a moment ago by another process
            number += 1
