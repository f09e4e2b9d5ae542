"""Folder of a run: made, described, and removed again if the run is refused before it trains."""

import os
import shutil
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Any

import yaml

from graphkit.config.layers import merge, read_config
from graphkit.distributed.communicator import get_communicator, job
from graphkit.errors import InputError
from graphkit.files import read_json, unfinished, write_json, write_text
from graphkit.processes import machine_id, started
from graphkit.tasks import maximizes
from graphkit.training.interrupt import Interrupted
from graphkit.training.run_result import TrainResult, check_result
from graphkit.training.train_config import RunConfig

#: The folder, within that of a run, of all that is about shards.
SHARDS = "shards"
#: File that names the job that a folder belongs to, and the process of the job that works on it.
_JOB = ".job"
#: Folder, within that of a run, of the graphs that were given in memory.
GIVEN = "given_graphs"
#: What a run writes before it trains.
_FIRST = (_JOB, GIVEN, "config.yaml", "env.json")
#: Version of the form of ``result.json``; without one it is the first.
FORMAT = 1


class NewFolder:
    """Folder of a new run, as a context: an error before training removes what was made for it, and nothing else.

    Args:
        path: The folder, which exists.
        made: The folders that were made for it, the outermost first.
    """

    def __init__(self, path: Path, made: list[Path]) -> None:
        self.path, self._made, self._kept = path, made, False

    def keep(self) -> None:
        """Keeps the folder from now on, because the run in it can be resumed."""
        self._kept = True

    def __enter__(self) -> "NewFolder":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None and not self._kept and not issubclass(kind, Interrupted) and get_communicator().rank == 0:
            self._remove()

    def _remove(self) -> None:
        try:
            entries = list(self.path.iterdir())
            if all(entry.name in _FIRST or unfinished(entry) for entry in entries):
                for entry in entries:
                    if entry.is_dir():
                        shutil.rmtree(entry)
                    else:
                        entry.unlink()
                for folder in reversed(self._made):
                    folder.rmdir()
        except OSError:  # it is gone, or other files have come into it
            pass


def make_folder(output: str | Path | None, name: str) -> NewFolder:
    """Makes the folder of a new run.

    Args:
        output: The folder, which is empty, does not exist, or has only what a killed process had written before the
            run could be resumed; ``None`` for the next free ``runs/NAME-001``.
        name: What a new folder is named after.

    Raises:
        InputError: If the folder holds something else, or cannot be made or written to.
    """
    made: list[Path] = []
    try:
        if output is None:
            return _next_free(Path("runs"), name)
        folder = Path(output)
        if folder.is_dir() and not half_made(folder):
            remedy = "choose another"
            remedy += ", or --resume it" if (folder / "config.yaml").is_file() or (folder / SHARDS).is_dir() else ""
            raise InputError(f"the output folder '{folder}' is not empty; {remedy}")
        made = make_parents(folder)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        for parent in reversed(made):
            parent.rmdir()
        path = error.filename or output or "runs"
        raise InputError(f"the output folder cannot be written: '{path}' ({os.strerror(error.errno or 0)})") from None
    return NewFolder(folder, made)


def make_parents(folder: Path) -> list[Path]:
    """Makes a folder and those above it; returns the ones that were not there, the outermost first."""
    made = [path for path in (folder, *folder.parents) if not path.exists()][::-1]
    folder.mkdir(parents=True, exist_ok=True)
    return made


def half_made(folder: Path) -> bool:
    """Returns whether a folder holds nothing but what a process had written that was killed before the run began."""
    return all(
        entry.name == _JOB or unfinished(entry) in (_JOB, "config.yaml") or entry.name.startswith(f".{SHARDS}-")
        for entry in folder.iterdir()
    )


def start_folder(output: str | Path | None, name: str, config: RunConfig) -> NewFolder:
    """Makes the folder of a new run, in the first of several processes; all get to know it.

    Where ``torchrun`` has started the processes of a job again, because one of them died, the folder is that which the
    job made before: the run in it goes on.

    Args:
        output: As for :func:`make_folder`.
        name: As for :func:`make_folder`.
        config: The settings of the run.

    Raises:
        InputError: If the folder cannot be made, or is not empty and not of this job.
    """
    return get_communicator().broadcast_from_rank0(
        lambda: _marked(_of_job(output, name, config) or make_folder(output, name))
    )


def describe(folder: Path, config: RunConfig) -> None:
    """Writes the settings of a run; from then on it can be resumed."""
    folder.mkdir(exist_ok=True)
    write_text(folder / "config.yaml", yaml.safe_dump(config.to_dict(), sort_keys=False))


def write_result(folder: Path, result: dict[str, Any]) -> dict[str, Any]:
    """Writes ``result.json`` with the version of its form, and returns its content."""
    result = {**result, "format": FORMAT}
    write_json(folder / "result.json", result)
    return result


def read_result(folder: Path) -> dict[str, Any]:
    """Reads the result of a run of any command; empty while the run has not ended.

    Results of earlier versions do not say whether a larger score is better; then ``maximize`` follows from the metric.

    Raises:
        InputError: If it is damaged, or of a later version of graphkit.
    """
    path = folder / "result.json"
    if not path.is_file():
        return {}
    result = read_json(path)
    if not isinstance(result, dict):
        raise InputError(f"'{path}' is damaged (no keys and values); delete it, or train again")
    form = result.get("format", 1)
    if not isinstance(form, int) or isinstance(form, bool) or form < 1:
        raise InputError(f"'{path}' is damaged (`format` is {form!r}); delete it, or train again")
    if form > FORMAT:
        raise InputError(f"'{path}' has format {form}, and this graphkit knows {FORMAT}; install a newer graphkit")
    if "metric" in result:
        result.setdefault("maximize", maximizes(result["metric"]))
    return result


def read_train_result(folder: Path) -> dict[str, Any]:
    """Reads the result of a run of ``train``; empty while the run has not ended.

    Raises:
        InputError: If it is damaged, or a key is missing or has another type; the key is named.
    """
    result = read_result(folder)
    if result:
        check_result(result, TrainResult, folder / "result.json")
    return result


def folder_config(folder: Path) -> dict[str, Any]:
    """Returns the settings that a run folder holds, as a layer.

    Raises:
        FileNotFoundError: If the folder is not a run.
        InputError: If its ``config.yaml`` cannot be read.
    """
    if (folder / "config.yaml").is_file():
        return merge(read_config(folder / "config.yaml"))
    manifest = folder / SHARDS / "manifest.json"  # shards write it first
    if manifest.is_file():
        content = read_json(manifest, "choose another --output")
        config = content.get("config") if isinstance(content, dict) else None
        if not isinstance(config, dict):
            raise InputError(f"'{manifest}' is damaged (no `config`); choose another --output")
        return config
    what = f"'{folder}' is not a run folder (it has no config.yaml)"
    if folder.is_dir() and half_made(folder):
        raise FileNotFoundError(f"{what}; nothing was trained in it, begin the run again with --output {folder}")
    raise FileNotFoundError(what)


def _next_free(parent: Path, name: str) -> NewFolder:
    """Makes the first folder ``NAME-001``, ``NAME-002``, ... that does not exist."""
    made = make_parents(parent)
    number = 1
    while True:
        folder = parent / f"{name}-{number:03d}"
        try:
            folder.mkdir()
            return NewFolder(folder, [*made, folder])
        except FileExistsError:  # taken, perhaps a moment ago by another process
            number += 1


def _of_job(output: str | Path | None, name: str, config: RunConfig) -> NewFolder | None:
    """Returns the folder that this job has begun, if it has.

    Raises:
        InputError: If its settings are others.
    """
    if job() is None:
        return None
    candidates = sorted(Path("runs").glob(f"{name}-[0-9]*")) if output is None else [Path(output)]
    for folder in candidates:
        mark, settings = folder / _JOB, folder / "config.yaml"
        lines = mark.read_text(encoding="utf-8", errors="replace").splitlines() if mark.is_file() else []
        if lines[:1] == [job()]:
            others = settings.is_file() and read_config(settings) != config.to_dict()
            if output is None and (others or lines[1:] == [_this_process()]):
                continue  # a script may train several times, and each of its runs has a folder of its own
            if others:
                raise InputError(
                    f"the folder '{folder}' belongs to this job, but its settings are others; give another --output"
                )
            begun = NewFolder(folder, [])
            begun.keep()
            return begun
    return None


def _marked(new: NewFolder) -> NewFolder:
    """Writes which job and which of its processes a folder belongs to, if there is a job."""
    name = job()
    if name is not None:
        with new:
            write_text(new.path / _JOB, f"{name}\n{_this_process()}\n")
    return new


def _this_process() -> str:
    """Returns a text that no other process has, not even one of the same number."""
    return f"{machine_id()} {os.getpid()} {started(os.getpid())}"
