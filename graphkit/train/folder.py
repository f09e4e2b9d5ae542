"""Where a run goes."""

import os
import tempfile
from pathlib import Path
from typing import Any

import yaml

from graphkit.errors import InputError
from graphkit.files import write_text
from graphkit.train.config import read_config
from graphkit.train.team import job, team

#: The file that says which job made a folder.
_JOB = ".job"
#: The folders of the runs that this process has begun.
_BEGUN: set[Path] = set()


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
            raise InputError(f"the output folder '{folder}' is not empty; choose another, or --resume it")
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise InputError(f"the output folder cannot be written: '{error.filename}' ({os.strerror(error.errno or 0)})") \
            from None
    return folder


def start_folder(output: str | Path | None, name: str, config: dict[str, Any]) -> Path:
    """Makes the folder of a new run, in the first of several processes; all get to know it.

    Where ``torchrun`` has started the processes of a job again, because one of them died, the folder is that which the
    job made before: the run in it goes on.

    Args:
        output: As for :func:`make_folder`.
        name: As for :func:`make_folder`.
        config: The settings of the run.

    Raises:
        ValueError: If the folder cannot be made, or is not empty and not of this job.
    """
    folder = team().first(lambda: _of_job(output, name, config) or _marked(make_folder(output, name)))
    _BEGUN.add(folder.resolve())
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


def _of_job(output: str | Path | None, name: str, config: dict[str, Any]) -> Path | None:
    """Returns the folder that this job has begun, if it has.

    Raises:
        ValueError: If its settings are others.
    """
    if job() is None:
        return None
    known = sorted(Path("runs").glob(f"{name}-[0-9]*")) if output is None else [Path(output)]
    for folder in known:
        mark, settings = folder / _JOB, folder / "config.yaml"
        if mark.is_file() and mark.read_text(encoding="utf-8").strip() == job():
            others = settings.is_file() and read_config(settings) != yaml.safe_load(yaml.safe_dump(config))
            if output is None and (others or folder.resolve() in _BEGUN):
                continue  # a script may train several times, and each of its runs has a folder of its own
            if others:
                raise InputError(
                    f"the folder '{folder}' belongs to this job, but its settings are others; give another --output"
                )
            return folder
    return None


def _marked(folder: Path) -> Path:
    """Notes which job a new folder is of, if there is one."""
    name = job()
    if name is not None:
        write_text(folder / _JOB, f"{name}\n")
    return folder
