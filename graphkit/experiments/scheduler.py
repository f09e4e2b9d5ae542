"""Scheduler of independent units: order, repetition and errors."""

from collections import Counter, deque
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from graphkit.errors import InputError
from graphkit.experiments.ray_workers import RayWorkers
from graphkit.experiments.unit import Job, Outcome
from graphkit.experiments.workers import Engine, LocalWorkers, Workers
from graphkit.training.experiment import Plan
from graphkit.training.interrupt import Interrupted, InterruptFlag
from graphkit.training.progress import Progress

#: Number of times that a failed unit is repeated; a mistake of the user is not.
RETRIES = 2


class UnitError(RuntimeError):
    """Unexpected error of a unit in another process, with its traceback."""


def run_units(
    job: Job,
    units: Iterable[str],
    plan: Plan,
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
        plan: Order of the units.
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
    blocked = {unit: set(plan.needs(unit)).intersection(left) for unit in left}
    ready = deque(unit for unit in left if not blocked[unit])
    blocked = {unit: needed for unit, needed in blocked.items() if needed}
    tries: Counter[str] = Counter()
    failed: dict[str, Outcome] = {}
    running: dict[Any, str] = {}
    peak, count, stopping = 0.0, len(names) - len(left), False
    workers = _start(job, engine, plan)
    keep()
    progress.start_units(job.folder.name, len(names), count)
    try:
        while running or (ready and not interrupt.raised):
            while ready and len(running) < workers.limit and not interrupt.raised:
                unit = ready.popleft()
                plan.prepare(unit, job.folder)
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


def _start(job: Job, engine: Engine, plan: Plan) -> Workers:
    """Returns the workers of an engine."""
    return LocalWorkers(job, engine) if engine.on is None else RayWorkers(job, engine, plan.reads)
