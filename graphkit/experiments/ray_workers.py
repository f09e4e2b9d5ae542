"""Workers on Ray: tasks of Ray core, on this machine or on a cluster."""

import importlib
import json
import logging
import os
import secrets
import signal
import socket
import sys
import tempfile
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

from graphkit.errors import InputError, MissingPackageError
from graphkit.experiments.unit import Job, Outcome, run_unit
from graphkit.experiments.workers import POLL, Engine, Workers
from graphkit.files import write_atomically, write_text
from graphkit.training.run_files import GIVEN

#: Bytes of the object store of a local Ray.
OBJECT_STORE = 256 * 2**20
#: File of the run folder with the token of the job: a machine that reads it shares the folder.
SHARED = ".shared"


class RayWorkers(Workers):
    """Tasks of Ray, one for each unit.

    A machine that shares the run folder works in it. Any other receives the files that a unit needs, and returns the
    new ones.

    Args:
        job: The job.
        engine: Address, CPUs and GPUs of a unit.
        reads: Function that returns the units whose files a unit reads.

    Raises:
        MissingPackageError: If Ray is not installed.
        InputError: If the cluster cannot be reached.
    """

    limit = 2000

    def __init__(self, job: Job, engine: Engine, reads: Callable[[str], Iterable[str]]) -> None:
        self._ray = _import_ray()
        self._folder, self._done_file, self._reads, self._ships = job.folder, job.done_file, reads, False
        self._connects = not self._ray.is_initialized()
        self._temporary = tempfile.TemporaryDirectory(prefix="ray-", ignore_cleanup_errors=True)
        if self._connects:
            self._connect(engine.on or "ray")
        resources = {"num_cpus": engine.unit_cpus or 1, "num_gpus": engine.unit_gpus or 0}
        self._run = self._ray.remote(**resources, max_retries=0)(_run_on_ray)
        self._job = self._ray.put(job)
        self._threads = engine.unit_cpus or 1
        write_text(job.folder / SHARED, job.token)

    def _connect(self, on: str) -> None:
        """Connects to a cluster, or starts Ray on this machine."""
        address = os.environ.get("RAY_ADDRESS", "local") if on == "ray" else on
        options: dict[str, Any] = {"log_to_driver": False}
        if not address.startswith("ray://"):
            options["logging_level"] = "error"
        if address == "local":
            options |= {"include_dashboard": False, "object_store_memory": OBJECT_STORE}
            options |= {"_temp_dir": self._temporary.name, "configure_logging": False}
            _set_token()
        try:
            if address != "local":  # Ray itself waits for minutes
                host, _, port = address.removeprefix("ray://").rpartition(":")
                socket.create_connection((host, int(port)), timeout=10).close()
            self._ray.init(address, **options)
        except (OSError, ValueError, RuntimeError, self._ray.exceptions.RayError) as error:
            self._ray.shutdown()
            self._temporary.cleanup()
            line = " ".join(str(error).split())
            raise InputError(
                f"expected a Ray cluster at '{address}', got: {line:.300}; check the address, the version of Ray and "
                "RAY_AUTH_TOKEN"
            ) from None

    def submit(self, unit: str) -> Any:
        """Submits the task of a unit."""
        return self._run.remote(self._job, unit, self._threads, self._files(unit) if self._ships else None)

    def wait(self, references: Iterable[Any]) -> list[Any]:
        """Returns the tasks that have ended."""
        pending = list(references)
        ended, pending = self._ray.wait(pending, timeout=POLL)
        if ended and pending:
            ended += self._ray.wait(pending, num_returns=len(pending), timeout=0)[0]
        return list(ended)

    def outcome(self, reference: Any) -> Outcome:
        """Returns the outcome of a task, and writes the files that it returns."""
        try:
            outcome: Outcome = self._ray.get(reference)
        except self._ray.exceptions.TaskCancelledError:
            return Outcome("interrupted")
        except self._ray.exceptions.RayTaskError as error:  # the task did not start, such as without graphkit
            return Outcome("failed", str(error).strip().splitlines()[-1], "bug", str(error))
        except self._ray.exceptions.RayError as error:
            return Outcome("failed", f"its process or machine was lost ({type(error).__name__})", "system")
        self._ships |= outcome.state == "unshared"
        files = outcome.files or {}
        for name in sorted(files, key=lambda name: Path(name).name == self._done_file):  # which is last
            path = self._folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(path, partial(Path.write_bytes, data=files[name]))
        return outcome

    def stop(self, references: Iterable[Any]) -> None:
        """Cancels all tasks: those that run receive Ctrl-C."""
        for reference in references:
            self._ray.cancel(reference, force=False)

    def close(self) -> None:
        """Disconnects; ends a local Ray."""
        (self._folder / SHARED).unlink(missing_ok=True)
        if self._connects:
            self._ray.shutdown()
        self._temporary.cleanup()

    def _files(self, unit: str) -> dict[str, bytes]:
        """Returns the files that a unit reads: of the run, of itself, of other units."""
        folders = {self._folder}
        for name in (unit, *self._reads(unit)):
            folders |= {self._folder / name, (self._folder / name).parent} if name else set()
        paths = [path for folder in folders if folder.is_dir() for path in folder.iterdir()]
        paths += (self._folder / GIVEN).rglob("*")
        return _contents(self._folder, paths)


def _contents(folder: Path, paths: Iterable[Path]) -> dict[str, bytes]:
    """Returns the contents of complete files by their path in a folder."""
    files = (path for path in paths if path.is_file() and path.suffix != ".part" and path.name != SHARED)
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def _run_on_ray(job: Job, unit: str, threads: int, files: dict[str, bytes] | None) -> Outcome:
    """Runs a unit in a task of Ray, in the run folder or in a copy of it."""
    if sys.platform != "win32":  # Ctrl-C in the terminal of a local Ray is for the driver
        with suppress(OSError):
            os.setpgrp()
            signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGINT])
    with suppress(OSError):
        if (job.folder / SHARED).read_text(encoding="utf-8") == job.token:
            return run_unit(job, unit, threads)
    if files is None:
        return Outcome("unshared")
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        copy = Path(name).resolve()
        for path, content in files.items():
            (copy / path).parent.mkdir(parents=True, exist_ok=True)
            (copy / path).write_bytes(content)
        before = {path: path.stat().st_mtime_ns for path in copy.rglob("*")}
        outcome = run_unit(job, unit, threads, copy)
        new = [path for path in copy.rglob("*") if path.stat().st_mtime_ns != before.get(path)]
        returned = {path: _moved(path, content, copy, job.folder) for path, content in _contents(copy, new).items()}
        message = outcome.message.replace(str(copy), str(job.folder))
        return outcome._replace(message=message, files=returned)


def _moved(path: str, content: bytes, copy: Path, folder: Path) -> bytes:
    """Returns the content of a file with the path of the run folder, not the copy's."""
    if not path.endswith((".json", ".yaml")):
        return content
    return content.replace(str(copy).encode(), json.dumps(str(folder))[1:-1].encode())


def _set_token() -> None:
    """Sets a token for a local Ray, so that Ray writes none into the home folder."""
    variables = ("RAY_AUTH_MODE", "RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH")
    if not any(name in os.environ for name in variables) and not (Path.home() / ".ray" / "auth_token").exists():
        os.environ["RAY_AUTH_TOKEN"] = secrets.token_hex(32)
        logging.getLogger("ray._private.authentication").setLevel(logging.ERROR)  # that it is in use


def _import_ray() -> Any:
    """Imports Ray, without a report of its usage.

    Raises:
        MissingPackageError: If it is not installed.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    try:
        return importlib.import_module("ray")
    except ImportError:
        raise MissingPackageError("`on` needs Ray, which is not installed: pip install ray") from None
