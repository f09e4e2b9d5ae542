"""Time of twelve fits on one simulated Ray node of one CPU and on two, median of three, start-up apart.

Needs two idle cores for a quarter of an hour: ``python benchmarks/scale/ray_nodes.py``. With ``--units 10000`` it
measures what the driver sustains instead: units that do nothing, and the memory of the driver.
"""

import argparse
import json
import logging
import os
import resource
import statistics
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from graphkit.experiments import Engine, build_config, run
from graphkit.experiments.scheduler import run_units
from graphkit.experiments.unit import Job
from graphkit.files import read_json
from graphkit.training.interrupt import InterruptFlag
from graphkit.training.progress import Progress


@dataclass(frozen=True)
class Nothing(Job):
    """Units that write their result file at once."""

    def run(self, unit: str, folder: Path, progress: Progress, interrupt: InterruptFlag) -> float:
        """Writes the file."""
        (folder / unit).mkdir()
        (folder / unit / self.done_file).touch()
        return 0.0


def cluster(nodes: int) -> Any:
    """Starts a simulated cluster of nodes with one CPU each, and connects to it."""
    import ray
    from ray.cluster_utils import Cluster

    started = Cluster()
    for _ in range(nodes):
        started.add_node(num_cpus=1, object_store_memory=100 * 2**20, include_dashboard=False)
    ray.init(address=started.address, log_to_driver=False, logging_level=logging.ERROR)
    return started


def seconds(nodes: int, fits: int, epochs: int, folder: Path) -> tuple[float, float]:
    """Returns the time of a run on a cluster whose processes have imported graphkit, and that of its shortest fit."""
    import ray

    started = cluster(nodes)
    try:
        settings = {
            "model": {"name": "gat"}, "data": {"name": "cora"}, "train": {"epochs": epochs, "threads": 1},
        }  # fmt: skip
        engine = Engine(on="ray")
        warm = build_config("train", {**settings, "train": {"epochs": 1}, "seeds": 2 * nodes}, recipe="none")
        run(warm, folder / "warm", engine=engine)
        config = build_config("train", {**settings, "seeds": fits}, recipe="none")
        begin = time.perf_counter()
        run(config, folder / "run", engine=engine)
        wall = time.perf_counter() - begin
        return wall, min(read_json(path)["seconds"] for path in (folder / "run").glob("seed-*/fit.json"))
    finally:
        ray.shutdown()
        started.shutdown()


def main() -> None:
    """Prints the measurements as JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--fits", type=int, default=12)
    parser.add_argument("--epochs", type=int, default=180, help="enough for ten seconds per fit")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--units", type=int, help="measure units that do nothing, on one node")
    options = parser.parse_args()
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    with tempfile.TemporaryDirectory() as name:
        if options.units:
            import ray

            started = cluster(2)
            before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            job, units = Nothing(Path(name)), [f"unit-{number:05d}" for number in range(options.units)]
            warm = Nothing(Path(name))
            with InterruptFlag(Progress()) as interrupt:
                run_units(warm, ["warm-0", "warm-1"], job, Engine(on="ray"), Progress(), interrupt)
                begin, cpu = time.perf_counter(), time.process_time()
                run_units(job, units, job, Engine(on="ray"), Progress(), interrupt)
                wall, spent = time.perf_counter() - begin, time.process_time() - cpu
            after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            ray.shutdown()
            started.shutdown()
            result: dict[str, Any] = {
                "units_per_second": options.units / wall,
                "driver_cpu_ms_per_unit": 1000 * spent / options.units,
                "driver_mb": [before / 1024, after / 1024],
            }
        else:
            times: dict[int, list[float]] = {1: [], 2: []}
            shortest = float("inf")
            for repeat in range(options.repeats):
                for nodes in times:
                    folder = Path(name) / f"{repeat}-{nodes}"
                    folder.mkdir()
                    wall, fit = seconds(nodes, options.fits, options.epochs, folder)
                    times[nodes].append(wall)
                    shortest = min(shortest, fit)
            medians = {nodes: statistics.median(values) for nodes, values in times.items()}
            ratio = medians[2] / medians[1]
            result = {"seconds": times, "median": medians, "ratio": ratio, "shortest_fit_seconds": shortest}
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
