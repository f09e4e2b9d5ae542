"""Comparison of runs with paired t-tests."""

from collections.abc import Sequence
from filecmp import cmp
from pathlib import Path
from typing import Any

from graphkit.errors import InputError
from graphkit.experiments.run_folder import RunFolder
from graphkit.training.run_files import GIVEN
from graphkit.training.run_result import against

#: Options of the data that may differ between compared runs.
_FREE = ("root", "transforms", "stream")


def compare_runs(runs: Sequence[RunFolder]) -> dict[str, Any]:
    """Compares the test scores of runs on the same data, with paired t-tests.

    Each run is compared with the first one on their shared seeds.

    Args:
        runs (list of RunFolder): At least two completed runs.

    Returns:
        dict: ``command``, ``dataset``, ``metric``, ``maximize`` and ``runs``, a list with ``run``, ``model``, ``test``,
        ``validation``, ``selected_on``, ``parameters``, ``seconds``, ``against_first`` and ``shared`` of each run.
        ``against_first`` has the fields of :class:`~graphkit.metrics.PairedTest` for the run minus the first, and
        ``shared`` has the shared ``seeds`` with the ``mean`` of the run and of the ``first``. Both are ``None`` for the
        first run, and without shared seeds.

    Raises:
        InputError: If there are fewer than two runs, one is not complete, or their data or splits differ.
    """
    if len(runs) < 2:
        raise InputError(f"a comparison needs at least two runs (got {len(runs)})")
    for run in runs:
        if not run.result:
            remedy = f"continue it with: graphkit train --resume {run.path}"
            raise InputError(f"the run '{run.path}' has not ended; {remedy}")
        if not run.result["test"]:
            why = "its split has no test items, or its metric is undefined on them, as for labels of one class only"
            raise InputError(f"the run '{run.path}' has no test score; {why}")
    first = runs[0]
    for run in runs[1:]:
        if run.result["metric"] != first.result["metric"]:
            metrics = f"{first.result['metric']} and {run.result['metric']}"
            raise InputError(f"the runs '{first.path}' and '{run.path}' must have the same metric (got {metrics})")
        reference, other = (({**folder.config.data.to_dict(), **dict.fromkeys(_FREE)}) for folder in (first, run))
        differ = [key for key in {**reference, **other} if reference.get(key) != other.get(key)]
        if "name" in differ and _same_given_graphs(first, run):
            differ.remove("name")
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


def _same_given_graphs(first: RunFolder, run: RunFolder) -> bool:
    """Returns whether two runs have copies of equal graphs in memory."""
    one, other = (Path(str(folder.config.data.name)) for folder in (first, run))
    given = all(path.parent.name == GIVEN and path.is_file() for path in (one, other))
    return given and cmp(one, other, shallow=False)


def _entry(run: RunFolder, first: RunFolder | None) -> dict[str, Any]:
    """Returns the entry of one run."""
    test, shared = (None, None) if first is None else against(run.result, first.result)
    keys = ("model", "test", "validation", "selected_on", "parameters", "seconds")
    return {"run": str(run.path), **{key: run.result[key] for key in keys}, "against_first": test, "shared": shared}
