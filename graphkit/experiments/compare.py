"""Several runs side by side, with a paired test of each against the first."""

from collections.abc import Sequence
from typing import Any

from graphkit.errors import InputError
from graphkit.experiments.run_folder import RunFolder
from graphkit.training.run_result import against

#: What runs on the same data may differ in.
_FREE = ("root", "transforms", "stream")


def compare_runs(runs: Sequence[RunFolder]) -> dict[str, Any]:
    """Compares runs on the same data: test scores, and a paired t-test of each against the first on shared seeds.

    Args:
        runs: At least two runs that have ended.

    Returns:
        ``{"command", "dataset", "metric", "maximize", "runs"}``; each of ``runs`` has ``run``, ``model``, ``test``,
        ``validation``, ``selected_on``, ``parameters``, ``seconds``, ``against_first``, the fields of
        :class:`~graphkit.metrics.PairedTest` for this run minus the first (``None`` for the first itself, and where no
        seed is shared), and ``shared``, the ``seeds`` that the test is over with the ``mean`` of this run and that of
        the ``first`` over them (``None`` with it).

    Raises:
        ValueError: If there are fewer than two runs, one has not ended, or their data or splits differ.
    """
    if len(runs) < 2:
        raise InputError(f"a comparison needs at least two runs (got {len(runs)})")
    for run in runs:
        if not run.result:
            remedy = f"continue it with: graphkit train --resume {run.path}"
            raise InputError(f"the run '{run.path}' has not ended; {remedy}")
        if not run.result["test"]:
            why = "its split has no test items, or their labels one class only"
            raise InputError(f"the run '{run.path}' has no test score; {why}")
    first = runs[0]
    for run in runs[1:]:
        if run.result["metric"] != first.result["metric"]:
            metrics = f"{first.result['metric']} and {run.result['metric']}"
            raise InputError(f"the runs '{first.path}' and '{run.path}' must have the same metric (got {metrics})")
        reference, other = (({**folder.config.data.to_dict(), **dict.fromkeys(_FREE)}) for folder in (first, run))
        differ = [key for key in {**reference, **other} if reference.get(key) != other.get(key)]
        if differ:
            values = f"{reference.get(differ[0])} and {other.get(differ[0])}"
            raise InputError(
                f"the runs '{first.path}' and '{run.path}' differ in `data.{differ[0]}` (got {values}); "
                "compare runs on the same data and split"
            )
    return {
        "command": "compare",
        "dataset": first.result["dataset"],
        "metric": first.result["metric"],
        "maximize": first.result["maximize"],
        "runs": [_entry(run, None if run is first else first) for run in runs],
    }


def _entry(run: RunFolder, first: RunFolder | None) -> dict[str, Any]:
    """Returns what is said about one run."""
    test, shared = (None, None) if first is None else against(run.result, first.result)
    keys = ("model", "test", "validation", "selected_on", "parameters", "seconds")
    return {"run": str(run.path), **{key: run.result[key] for key in keys}, "against_first": test, "shared": shared}
