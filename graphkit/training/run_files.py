"""Files of a run folder: creation, settings and results."""

import os
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import yaml

from graphkit.config.layers import merge, read_config
from graphkit.data.dataset import Rejected
from graphkit.distributed.communicator import get_communicator, job
from graphkit.errors import InputError
from graphkit.files import read_json, unfinished, write_csv, write_json, write_text
from graphkit.processes import machine_id, started
from graphkit.tasks import maximizes
from graphkit.training.interrupt import Interrupted
from graphkit.training.run_result import TrainResult, check_result
from graphkit.training.train_config import RunConfig

#: File with the job that a folder belongs to, and the process of the job that works on it.
_JOB = ".job"
#: Subfolder of a run folder with graphs that were passed in memory.
GIVEN = "given_graphs"
#: File with the rows of the data that are not molecules.
REJECTED = "rejected.csv"
#: Files that a run writes before training.
_FIRST = (_JOB, GIVEN, "config.yaml", REJECTED, "env.json")
#: Version of the format of ``result.json``; 1 if missing.
FORMAT = 1


class NewFolder:
    """Context of a new run folder, which an error before training removes.

    Other files in it are never removed.

    Args:
        path: The folder, which exists.
        made: Folders that were created for it, the outermost first.
    """

    def __init__(self, path: Path, made: list[Path]) -> None:
        self.path, self._made, self._kept = path, made, False

    def keep(self) -> None:
        """Disables the removal, once the run can be resumed."""
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
        except OSError:  # the folder was deleted, or another process wrote into it
            pass


def make_folder(output: str | Path | None, name: str) -> NewFolder:
    """Creates the folder of a new run.

    Args:
        output: The folder, which is empty, does not exist, or contains only files of a process that was killed before
            the run could be resumed; ``None`` for the next free ``runs/NAME-001``.
        name: Prefix of the name of a new folder.

    Raises:
        InputError: If the folder contains other files, or cannot be created or written.
    """
    made: list[Path] = []
    try:
        if output is None:
            return _next_free(Path("runs"), name)
        folder = Path(output)
        if folder.is_dir() and not half_made(folder):
            remedy = "choose another" + (", or --resume it" if (folder / "config.yaml").is_file() else "")
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
    """Creates a folder with its parents; returns the new ones, the outermost first."""
    made = [path for path in (folder, *folder.parents) if not path.exists()][::-1]
    folder.mkdir(parents=True, exist_ok=True)
    return made


def half_made(folder: Path) -> bool:
    """Returns whether a folder contains only files from before the start of a run."""
    return all(entry.name == _JOB or unfinished(entry) in (_JOB, "config.yaml") for entry in folder.iterdir())


def start_folder(output: str | Path | None, name: str, config: RunConfig) -> NewFolder:
    """Creates the folder of a new run on rank 0, and returns it on all ranks.

    If ``torchrun`` has restarted the processes of a job, this is the folder of the first start, whose run continues.

    Args:
        output: As for :func:`make_folder`.
        name: As for :func:`make_folder`.
        config: Settings of the run.

    Raises:
        InputError: If the folder cannot be created, or is not empty and belongs to another job.
    """
    return get_communicator().broadcast_from_rank0(
        lambda: _marked(_of_job(output, name, config) or make_folder(output, name))
    )


def describe(folder: Path, config: RunConfig) -> None:
    """Writes ``config.yaml``, after which a run can be resumed."""
    folder.mkdir(exist_ok=True)
    write_text(folder / "config.yaml", yaml.safe_dump(config.to_dict(), sort_keys=False))


def write_rejected(folder: Path, rejected: Sequence[Rejected]) -> None:
    """Writes ``rejected.csv``, the rows that are not molecules, if there are any."""
    if rejected:
        rows = ((row.id, row.line, row.text, row.reason) for row in rejected)
        write_csv(folder / REJECTED, ("id", "line", "smiles", "reason"), rows)


def write_result(folder: Path, result: dict[str, Any]) -> dict[str, Any]:
    """Writes ``result.json`` with the version of its format, and returns its content."""
    result = {**result, "format": FORMAT}
    write_json(folder / "result.json", result)
    return result


def read_result(folder: Path) -> dict[str, Any]:
    """Returns the content of ``result.json`` of any command; empty before the end.

    In results of earlier versions, ``maximize`` is missing and follows from the metric.

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
        raise InputError(f"'{path}' has format {form}, and this graphkit reads {FORMAT}; install a newer graphkit")
    if "metric" in result:
        result.setdefault("maximize", maximizes(result["metric"]))
    return result


def read_train_result(folder: Path) -> dict[str, Any]:
    """Returns the content of ``result.json`` of ``train``; empty before the end.

    Raises:
        InputError: If a key is missing or a value has a wrong type; the message names the key.
    """
    result = read_result(folder)
    if result:
        check_result(result, TrainResult, folder / "result.json")
    return result


def folder_config(folder: Path) -> dict[str, Any]:
    """Returns the settings in a run folder, as a layer of a configuration.

    Raises:
        FileNotFoundError: If the folder is not a run.
        InputError: If its ``config.yaml`` cannot be read.
    """
    if (folder / "config.yaml").is_file():
        return merge(read_config(folder / "config.yaml"))
    what = f"'{folder}' is not a run folder (it has no config.yaml)"
    if folder.is_dir() and half_made(folder):
        raise FileNotFoundError(f"{what}; nothing was trained in it, begin the run again with --output {folder}")
    raise FileNotFoundError(what)


def _next_free(parent: Path, name: str) -> NewFolder:
    """Creates the first folder ``NAME-001``, ``NAME-002``, ... that does not exist."""
    made = make_parents(parent)
    number = 1
    while True:
        folder = parent / f"{name}-{number:03d}"
        try:
            folder.mkdir()
            return NewFolder(folder, [*made, folder])
        except FileExistsError:  # created by another run or process
            number += 1


def _of_job(output: str | Path | None, name: str, config: RunConfig) -> NewFolder | None:
    """Returns the folder that this job has created before a restart, if any.

    Raises:
        InputError: If its settings differ.
    """
    if job() is None:
        return None
    candidates = sorted(Path("runs").glob(f"{name}-[0-9]*")) if output is None else [Path(output)]
    for folder in candidates:
        mark, settings = folder / _JOB, folder / "config.yaml"
        lines = mark.read_text(encoding="utf-8", errors="replace").splitlines() if mark.is_file() else []
        if lines[:1] == [job()]:
            others = settings.is_file() and not _is_of(read_config(settings), config)
            if output is None and (others or lines[1:] == [_this_process()]):
                continue  # a script may have several runs, each with its folder
            if others:
                raise InputError(
                    f"the folder '{folder}' belongs to this job, but its settings are others; give another --output"
                )
            begun = NewFolder(folder, [])
            begun.keep()
            return begun
    return None


def _is_of(settings: dict[str, Any], config: RunConfig) -> bool:
    """Returns whether a folder has the settings of a configuration.

    The path of graphs that were given in memory may differ.
    """
    expected = config.to_dict()
    data = settings.get("data")
    if isinstance(data, dict) and GIVEN in Path(str(data.get("name"))).parts:
        expected = {**expected, "data": {**expected["data"], "name": data["name"]}}
    return settings == expected


def _marked(new: NewFolder) -> NewFolder:
    """Writes the job and the process of a folder, if there is a job."""
    name = job()
    if name is not None:
        with new:
            write_text(new.path / _JOB, f"{name}\n{_this_process()}\n")
    return new


def _this_process() -> str:
    """Returns a text that identifies this process, also if its number is reused."""
    return f"{machine_id()} {os.getpid()} {started(os.getpid())}"
