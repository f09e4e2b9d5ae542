"""Scheduler of independent units: in local processes, or on Ray."""

import _thread
import multiprocessing
import os
import pickle
import signal
from abc import ABC, abstractmethod
from collections import Counter, deque
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any

import torch

from graphkit.errors import InputError
from graphkit.experiments.unit import Job, Outcome, run_unit
from graphkit.training.interrupt import Interrupted, InterruptFlag
from graphkit.training.progress import Progress

#: Number of times that a failed unit is repeated; a mistake of the user is not.
RETRIES = 2
#: Seconds between two checks for Ctrl-C.
POLL = 0.2


class UnitError(RuntimeError):
    """Unexpected error of a unit in another process, with its traceback."""


@dataclass(frozen=True)
class Engine:
    """Engine that runs the units of a command: this process, local processes, or Ray.

    Args:
        jobs (int, optional): Number of local processes; 1 for this process. (default: ``1``)
        on (str, optional): ``"ray"`` for the cluster of ``$RAY_ADDRESS``, or a local one; ``"ray://HOST:PORT"`` for
            the cluster of a Ray client server. (default: ``None``)
        unit_cpus (int, optional): CPUs of a unit. (default: ``1`` on Ray, else an equal part of the threads)
        unit_gpus (float, optional): GPUs of a unit on Ray. (default: ``1`` if the device is CUDA, else ``0``)

    Raises:
        InputError: If a value is invalid, or does not apply.

    Example:
        >>> Engine(jobs=4).is_inline, Engine().is_inline
        (False, True)
    """

    jobs: int = 1
    on: str | None = None
    unit_cpus: int | None = None
    unit_gpus: float | None = None

    def __post_init__(self) -> None:
        if self.jobs < 1:
            raise InputError(f"expected `jobs` of at least 1, got {self.jobs}; give the number of processes")
        address = (self.on or "ray").removeprefix("ray://")
        if self.on is not None and self.on != "ray" and (address == self.on or not address):
            raise InputError(f"expected `on` ray or ray://HOST:PORT, got {self.on!r}; give one of them")
        if self.on is not None and self.jobs > 1:
            raise InputError(
                f"expected `jobs` or `on`, got jobs {self.jobs} and on {self.on}; leave one out: Ray runs as many "
                "units at a time as its CPUs allow"
            )
        if self.unit_cpus is not None and (self.unit_cpus < 1 or self.is_inline):
            raise InputError(
                f"expected `unit_cpus` of at least 1 with `jobs` or `on`, got {self.unit_cpus}; give both or none"
            )
        if self.unit_gpus is not None and (self.unit_gpus < 0 or self.on is None):
            raise InputError(f"expected `unit_gpus` of at least 0 with `on`, got {self.unit_gpus}; give both or none")

    @property
    def is_inline(self) -> bool:
        """Whether this process runs all units."""
        return self.jobs == 1 and self.on is None

    def __str__(self) -> str:
        """Returns the engine as options of the command line."""
        return f"--on {self.on}" if self.on is not None else f"--jobs {self.jobs}"


class Workers(ABC):
    """Processes that run units."""

    #: Largest number of units that are submitted at a time.
    limit: int

    @abstractmethod
    def submit(self, unit: str) -> Any:
        """Starts a unit and returns a reference to it."""

    @abstractmethod
    def wait(self, references: Iterable[Any]) -> list[Any]:
        """Returns the references of some units that have ended; none after :data:`POLL` seconds."""

    @abstractmethod
    def outcome(self, reference: Any) -> Outcome:
        """Returns the outcome of a unit that has ended."""

    @abstractmethod
    def stop(self, references: Iterable[Any]) -> None:
        """Interrupts all units, which write a checkpoint and end."""

    @abstractmethod
    def close(self) -> None:
        """Ends the processes."""


def run_units(
    job: Job,
    units: Iterable[str],
    needs: Callable[[str], Iterable[str]],
    engine: Engine,
    progress: Progress,
    interrupt: InterruptFlag,
    keep: Callable[[], None] = lambda: None,
) -> float:
    """Runs the incomplete units of a job in other processes.

    A unit starts when the units that it needs are complete. One that fails is repeated up to :data:`RETRIES` times from
    its last checkpoint, unless the error is a mistake of the user; the others go on.

    Args:
        job: The job.
        units: Names of all units, in order.
        needs: Function that returns the units that a unit needs.
        engine: Local processes, or Ray.
        progress: Progress display.
        interrupt: Flag of an interruption.
        keep: Called when the processes can start.

    Returns:
        float: Peak memory of a process in MiB.

    Raises:
        Interrupted: If Ctrl-C was pressed.
        InputError: If a unit failed by a mistake of the user.
        OSError: If a unit failed by an error of files, processes or machines.
        UnitError: If a unit failed by any other error.
    """
    names = list(units)
    left = [unit for unit in names if not job.is_done(unit)]
    if not left:
        return 0.0
    blocked = {unit: set(needs(unit)).intersection(left) for unit in left}
    ready = deque(unit for unit in left if not blocked[unit])
    blocked = {unit: needed for unit, needed in blocked.items() if needed}
    tries: Counter[str] = Counter()
    failed: dict[str, Outcome] = {}
    running: dict[Any, str] = {}
    peak, count, stopping = 0.0, len(names) - len(left), False
    workers = _start(job, engine, needs)
    keep()
    progress.start_units(job.folder.name, len(names), count)
    try:
        while running or (ready and not interrupt.raised):
            while ready and len(running) < workers.limit and not interrupt.raised:
                unit = ready.popleft()
                running[workers.submit(unit)] = unit
            if interrupt.raised and not stopping:
                stopping = True
                workers.stop(running)
            for reference in workers.wait(running):
                unit, outcome = running.pop(reference), workers.outcome(reference)
                for note in outcome.notes:
                    progress.say(note if note.startswith(unit) else f"{unit}: {note}")
                if outcome.state == "done":
                    peak, count = max(peak, outcome.peak_memory), count + 1
                    progress.end_unit(unit)
                    for other in [other for other, needed in blocked.items() if unit in needed]:
                        blocked[other].discard(unit)
                        if not blocked[other]:
                            del blocked[other]
                            ready.append(other)
                elif outcome.state == "unshared":
                    ready.appendleft(unit)
                elif outcome.state == "failed":
                    tries[unit] += 1
                    again = outcome.kind != "input" and tries[unit] <= RETRIES
                    what = f"repeated ({tries[unit]} of {RETRIES})" if again else "not repeated; the others go on"
                    progress.say(f"{unit or 'the run'} failed: {outcome.message}; {what}")
                    if again:
                        ready.append(unit)
                    else:
                        failed[unit] = outcome
    finally:
        progress.close()
        workers.close()
    if interrupt.raised and count < len(names):
        raise Interrupted(0, job.folder, f"interrupted; {count} of {len(names)} units are complete")
    if failed:
        _raise(failed, names, count)
    return peak


def _raise(failed: Mapping[str, Outcome], names: list[str], count: int) -> None:
    """Raises the error of the first failed unit."""
    unit = next(name for name in names if name in failed)
    outcome, text = failed[unit], failed[unit].message
    if unit:
        text = f"{unit}: {text} ({len(failed)} of {len(names)} units failed, {count} are complete)"
    if outcome.kind == "input":
        raise InputError(text)
    raise OSError(text) if outcome.kind == "system" else UnitError(f"{text}\n\n{outcome.trace}")


def _start(job: Job, engine: Engine, needs: Callable[[str], Iterable[str]]) -> Workers:
    """Returns the workers of an engine."""
    if engine.on is None:
        return LocalWorkers(job, engine)
    from graphkit.experiments.ray_workers import RayWorkers

    return RayWorkers(job, engine, needs)


class LocalWorkers(Workers):
    """Local processes, each an executor of :mod:`concurrent.futures`, so that the death of one does not end others.

    Args:
        job: The job.
        engine: Number of processes, and CPUs of a unit.

    Raises:
        InputError: If the job cannot be sent to other processes.
    """

    def __init__(self, job: Job, engine: Engine) -> None:
        self.limit = engine.jobs
        self._job = dumps(job)
        self._threads = engine.unit_cpus or max(1, torch.get_num_threads() // engine.jobs)
        method = "forkserver" if "forkserver" in multiprocessing.get_all_start_methods() else "spawn"
        self._context = multiprocessing.get_context(method)
        self._context.set_forkserver_preload([__name__])  # imported once for all processes
        self._receiver, self._sender = self._context.Pipe(duplex=False)
        self._pools: dict[int, ProcessPoolExecutor] = {}
        self._slots: dict[Future[Outcome], int] = {}
        self._free = list(range(engine.jobs))

    def submit(self, unit: str) -> Future[Outcome]:
        """Starts a unit in a free process."""
        slot = self._free.pop(0)
        if slot not in self._pools:
            arguments = (self._job, self._threads, slot, self._receiver, dict(os.environ))
            self._pools[slot] = ProcessPoolExecutor(1, self._context, _start_process, arguments)
        future = self._pools[slot].submit(_run_in_process, unit)
        self._slots[future] = slot
        return future

    def wait(self, references: Iterable[Any]) -> list[Any]:
        """Returns the units that have ended."""
        return list(wait(references, POLL, FIRST_COMPLETED).done)

    def outcome(self, reference: Any) -> Outcome:
        """Returns the outcome of a unit; a process that died is replaced."""
        slot = self._slots.pop(reference)
        self._free.append(slot)
        try:
            outcome: Outcome = reference.result()
        except BrokenProcessPool:
            self._pools.pop(slot).shutdown(wait=False)
            return Outcome("failed", "its process was killed, by hand or for lack of memory", "system")
        return outcome

    def stop(self, references: Iterable[Any]) -> None:
        """Closes the pipe that all processes watch."""
        self._sender.close()

    def close(self) -> None:
        """Ends the processes."""
        self._sender.close()
        for pool in self._pools.values():
            pool.shutdown(cancel_futures=True)
        self._receiver.close()


def dumps(job: Job) -> bytes:
    """Returns a job as bytes.

    Raises:
        InputError: If a callback or a model of the user cannot be sent to other processes.
    """
    try:
        return pickle.dumps(job)
    except Exception as error:  # of any class
        raise InputError(
            f"expected callbacks and models that can be pickled, for units in other processes, got: {error}; define "
            "them at the top level of a module, or leave out `jobs`"
        ) from None


#: Job and number of threads of this process.
_process: dict[str, Any] = {}


def _start_process(job: bytes, threads: int, slot: int, stop: Connection, environment: dict[str, str]) -> None:
    """Prepares a process: Ctrl-C is for its parent, which closes a pipe to stop it."""
    os.environ.update(environment)  # a fork server has that of its start
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with suppress(AttributeError, OSError):
        os.setpgrp()
    if torch.cuda.is_available():
        torch.cuda.set_device(slot % torch.cuda.device_count())
    _process.update(job=pickle.loads(job), threads=threads)
    _thread.start_new_thread(_watch, (stop,))


def _watch(stop: Connection) -> None:
    """Interrupts the unit of this process when its parent stops or dies, and ends the process after the parent."""
    with suppress(EOFError, OSError):
        stop.poll(None)
    parent = multiprocessing.parent_process()
    if parent is not None and parent.is_alive():
        _thread.interrupt_main()
        parent.join()
    os._exit(1)


def _run_in_process(unit: str) -> Outcome:
    """Runs a unit in a process of :class:`LocalWorkers`."""
    return run_unit(_process["job"], unit, _process["threads"])
