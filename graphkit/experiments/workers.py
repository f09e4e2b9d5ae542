"""Workers: processes that run units, and the options that select them."""

import _thread
import multiprocessing
import os
import pickle
import signal
import sys
from abc import ABC, abstractmethod
from collections.abc import Iterable
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import torch

from graphkit.errors import InputError
from graphkit.experiments.unit import Job, Outcome, run_unit

#: Seconds between two checks for Ctrl-C.
POLL = 0.2


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
        """``True`` if this process runs all units."""
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
        """Returns the references of ended units; none after :data:`POLL` seconds."""

    @abstractmethod
    def outcome(self, reference: Any) -> Outcome:
        """Returns the outcome of a unit that has ended."""

    @abstractmethod
    def stop(self, references: Iterable[Any]) -> None:
        """Interrupts all units, which write a checkpoint and end."""

    @abstractmethod
    def close(self) -> None:
        """Ends the processes."""


class LocalWorkers(Workers):
    """Workers in local processes.

    Each process is an executor of :mod:`concurrent.futures`, so that the death of one does not end others.

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


def _start_process(job: bytes, threads: int, slot: int, stop: Any, environment: dict[str, str]) -> None:
    """Prepares a process: Ctrl-C is for its parent, which closes a pipe to stop it."""
    os.environ.update(environment)  # a fork server has that of its start
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if sys.platform != "win32":
        with suppress(OSError):
            os.setpgrp()
    if torch.cuda.is_available():
        torch.cuda.set_device(slot % torch.cuda.device_count())
    _process.update(job=pickle.loads(job), threads=threads)
    _thread.start_new_thread(_watch, (stop,))


def _watch(stop: Any) -> None:
    """Interrupts the unit of this process when its parent stops, and ends after it.

    Args:
        stop: Connection that the parent closes; it has another class on Windows.
    """
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
