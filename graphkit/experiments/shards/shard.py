"""Shard of the units of a run folder."""

import os
import time
from collections.abc import Iterable, Iterator, Mapping
from copy import copy
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

from graphkit.errors import InputError
from graphkit.experiments.shards.claims import SILENCE, Claims, Worker
from graphkit.experiments.shards.manifest import agree, parse_shard
from graphkit.training.interrupt import Interrupted, InterruptFlag
from graphkit.training.progress import Progress
from graphkit.training.run_files import SHARDS

Item = TypeVar("Item")

#: Seconds between two checks of the other processes.
POLL = 0.5


def refuse_processes() -> None:
    """Raises an error in one of several processes of ``torchrun``."""
    if int(os.environ.get("WORLD_SIZE", "1")) > 1:
        raise InputError(
            "--shard is for independent work, and torchrun for several processes at the same fit (got both); start "
            "each shard by itself"
        )


class Shard:
    """Context in which a process runs one shard, or all shards, of a folder.

    Units are subfolders of the run folder, complete when the file ``mark`` exists. A process claims its shard, and then
    each unit before it starts.

    Args:
        folder: The run folder, which exists.
        command: Command, such as ``"train"``.
        config: Settings of the run.
        units: Names of all units in order; ``""`` for a run of a single unit.
        which: Shard, such as ``"0/2"``; ``None`` for all shards.
        progress: Progress display.
        mark: File of a completed unit.
        within: Rank and number of processes that distribute all shards of a folder.

    Raises:
        InputError: As :func:`~graphkit.experiments.shards.manifest.agree` and
            :func:`~graphkit.experiments.shards.manifest.parse_shard`; and on entry, if another process runs the shard.
    """

    def __init__(
        self,
        folder: Path,
        command: str,
        config: Mapping[str, Any],
        units: list[str],
        which: str | None,
        progress: Progress,
        mark: str = "fit.json",
        within: tuple[int, int] = (0, 1),
    ) -> None:
        index, count = (None, None) if which is None else parse_shard(which)
        manifest = agree(folder, count, command, config, [unit or "." for unit in units])
        self.folder, self.command, self.progress, self.mark = folder, command, progress, mark
        self.units, self.count = manifest.units, manifest.shards
        self.indices = range(within[0], self.count, within[1]) if index is None else [index]
        self.did: list[str] = []
        self._worker = Worker(folder / SHARDS / "workers")
        self._claims = Claims(folder / SHARDS / "units", self._worker)
        self._helps = False

    def __enter__(self) -> "Shard":
        self._worker.__enter__()
        try:
            for index in self.indices:
                self._claim_shard(index)
        except BaseException:
            self.__exit__(None, None, None)
            raise
        if all(self.done(unit) for unit, shard in self.units.items() if shard in self.indices):
            self.progress.say(f"{self}: all units are already complete")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self._claims.end_all()
        finally:
            self._worker.__exit__(kind, error, trace)

    def helping(self) -> "Shard":
        """Returns a copy that also runs free units of other shards and waits for the rest."""
        other = copy(self)
        other._helps = True
        return other

    def turns(self, items: Mapping[str, Item], interrupt: InterruptFlag | None = None) -> Iterator[tuple[str, Item]]:
        """Yields the units to run now, each claimed until the next one.

        Units of this shard that a process of another shard has claimed are skipped.

        Raises:
            Interrupted: If Ctrl-C is pressed while waiting for another process.
        """
        waiting, said = dict(items), False
        while waiting:
            for name, item in list(waiting.items()):
                unit = self._unit(name)
                if self.done(unit) or not (self._helps or self.units[unit] in self.indices):
                    del waiting[name]
                elif self._claims.take(_file(unit)):
                    del waiting[name]
                    try:
                        if not self.done(unit):
                            yield name, item
                            self.did.append(unit)
                    finally:
                        self._claims.end(_file(unit), "done" if self.done(unit) else "left")
            if not self._helps:
                return
            if waiting:
                if interrupt is not None and interrupt.raised:
                    stop = Interrupted(0, self.folder)
                    stop.args = ("interrupted while other shards were waited for",)
                    raise stop
                if not said:
                    self.progress.say(f"{self}: waiting for {', '.join(map(self._unit, waiting))}, in other shards")
                    said = True
                time.sleep(POLL)

    def remaining(self, names: Iterable[str]) -> list[str]:
        """Returns the incomplete units of this shard among some names."""
        units = [self._unit(name) for name in names]
        return [unit for unit in units if self.units[unit] in self.indices and not self.done(unit)]

    def done(self, unit: str) -> bool:
        """Returns whether a unit is complete."""
        path = self.folder
        for name in [*Path(unit).parts, self.mark]:
            try:
                if name not in os.listdir(path):  # a listing bypasses the name cache of NFS
                    return False
            except (FileNotFoundError, NotADirectoryError):
                return False
            path = path / name
        return True

    def left(self) -> dict[str, str]:
        """Returns the incomplete units with their shards."""
        return {unit: f"{self.units[unit]}/{self.count}" for unit in self.units if not self.done(unit)}

    def so_far(self) -> dict[str, Any]:
        """Returns completed and remaining units, in place of the result of a run."""
        left = self.left()
        return {
            "command": self.command,
            "shard": str(self).removeprefix("shard "),
            "did": self.did,
            "done": [unit for unit in self.units if unit not in left],
            "left": left,
            "run": str(self.folder),
        }

    def __str__(self) -> str:
        return f"shard {self.indices[0]}/{self.count}" if len(self.indices) == 1 else f"all {self.count} shards"

    def _unit(self, name: str) -> str:
        return name or "."

    def _claim_shard(self, index: int) -> None:
        """Claims a shard; waits until the state of a process that holds it is decided."""
        name, said = f"shard-{index}", False
        while not self._claims.take(name):
            who, lives = self._claims.holder(name)
            if lives:
                raise InputError(
                    f"shard {index}/{self.count} of '{self.folder}' is being worked on by {who}; let it end, or stop "
                    "it and try again"
                )
            if lives is None and not said:
                line = f"shard {index}/{self.count} was begun by {who}: waiting up to {SILENCE:g} s for a heartbeat"
                self.progress.say(line)
                said = True
            time.sleep(POLL)


def _file(unit: str) -> str:
    """Returns the name of the claims of a unit."""
    return "run" if unit == "." else unit.replace("/", "--")
