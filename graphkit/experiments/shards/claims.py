"""Claims of units by processes with a shared folder, without file locks."""

import contextlib
import json
import os
import secrets
import socket
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import Any

from graphkit.files import write_json, writing
from graphkit.processes import alive, machine_id, started

#: Seconds between two heartbeats.
BEAT = 5.0
#: Seconds without a heartbeat until a process of another machine is considered dead, more than the lag of a folder.
SILENCE = 90.0


class Worker:
    """Heartbeat of this process: a file that is touched every :data:`BEAT` seconds.

    Args:
        folder: Folder of the heartbeat files.
    """

    def __init__(self, folder: Path) -> None:
        self.token = secrets.token_hex(6)
        self.path = folder / f"{self.token}.json"
        self._over = threading.Event()

    def __enter__(self) -> "Worker":
        for path in self.path.parent.glob("*.json"):
            other = _read(path)
            if other and other.get("machine") == machine_id() and not _runs(other):  # a killed process
                path.unlink(missing_ok=True)
        here = {"host": socket.gethostname(), "machine": machine_id()}
        write_json(self.path, {**here, "process": os.getpid(), "started": started(os.getpid())})
        threading.Thread(target=self._beat, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self.path.unlink(missing_ok=True)

    def _beat(self) -> None:
        while not self._over.wait(BEAT):
            with contextlib.suppress(OSError):  # the folder may be unavailable temporarily
                os.utime(self.path)


class Claims:
    r"""Claims of units by this process and by others.

    The :math:`g`-th claim of a unit is the file ``NAME.g``, which only one process can create. It contains the process
    and the state: ``working``, ``done`` or ``left``. If the last claim was left, or its process is dead, any process
    may create the next one. Files are never removed, which avoids races.

    Args:
        folder: Folder of the claims.
        worker: Heartbeat of this process.
    """

    def __init__(self, folder: Path, worker: Worker) -> None:
        self.folder, self.worker = folder, worker
        self._mine: dict[str, Path] = {}
        self._seen: dict[str, tuple[int, float, bool]] = {}

    def take(self, name: str) -> bool:
        """Claims a unit; returns ``False`` if another process may hold it."""
        last = self._last(name)
        if last and self._held(self.folder / f"{name}.{last}"):
            return False
        path = self.folder / f"{name}.{last + 1}"
        try:
            with writing(path), open(path, "x", encoding="utf-8") as file:
                file.write(self._content("working"))
        except FileExistsError:  # claimed by another process
            return False
        self._mine[name] = path
        return True

    def end(self, name: str, state: str) -> None:
        """Writes the final state of a claim of this process, ``"done"`` or ``"left"``."""
        path = self._mine.pop(name, None)
        if path is not None:
            write_json(path, json.loads(self._content(state)))

    def end_all(self) -> None:
        """Releases all claims of this process."""
        for name in list(self._mine):
            self.end(name, "left")

    def holder(self, name: str) -> tuple[str, bool | None]:
        """Returns a description of the process of the last claim, and whether it is alive.

        This is ``None`` if it is not decided yet, for a process on another machine.
        """
        last = self._last(name)
        content = _read(self.folder / f"{name}.{last}") if last else {}
        if content is None:
            return "a process that is starting", None
        token = str(content.get("worker"))
        other = _read(self._place(token))
        if content.get("state") != "working" or (other is None and not self._place(token).exists()):
            return "no process", False
        other = other or {}
        return f"process {other.get('process')} on {other.get('host')}", self._lives(token, self._place(token))

    def _held(self, path: Path) -> bool:
        """Returns whether the process of a claim may still hold it."""
        content = _read(path)
        if content is None:  # not written yet, or of a process that was killed before
            return self._lives(path.name, path) is not False
        if content.get("state") != "working":
            return False
        token = str(content.get("worker"))
        return self._lives(token, self._place(token)) is not False

    def _lives(self, token: str, path: Path) -> bool | None:
        """Returns whether a process is alive, on another machine by its heartbeat."""
        other = _read(path)
        if other is not None and other.get("machine") == machine_id():
            return _runs(other)
        try:
            with path.open("rb") as file:  # opening bypasses the attribute cache of NFS
                beat = os.fstat(file.fileno()).st_mtime_ns
        except FileNotFoundError:
            return False
        except OSError:
            return None
        now = time.monotonic()
        before, since, ever = self._seen.setdefault(token, (beat, now, False))
        if beat != before:
            since, ever = now, True
            self._seen[token] = (beat, since, ever)
        if now - since > SILENCE:
            return False
        return True if ever else None

    def _last(self, name: str) -> int:
        """Returns the number of the last claim of a unit, 0 for none."""
        numbers = [0]
        for entry in os.listdir(self.folder):
            stem, _, number = entry.rpartition(".")
            if stem == name and number.isdecimal():
                numbers.append(int(number))
        return max(numbers)

    def _place(self, token: str) -> Path:
        return self.worker.path.with_name(f"{token}.json")

    def _content(self, state: str) -> str:
        return json.dumps({"state": state, "worker": self.worker.token}) + "\n"


def _runs(worker: dict[str, Any]) -> bool:
    """Returns whether a process of this machine is running."""
    process = worker.get("process")
    return type(process) is int and 0 < process < 2**31 and alive(process, str(worker.get("started", "")))


def _read(path: Path) -> dict[str, Any] | None:
    """Returns the content of a JSON file, ``None`` if it is missing or incomplete."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return content if isinstance(content, dict) else None
