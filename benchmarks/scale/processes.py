"""Training by two processes against one, items per second.

    python benchmarks/scale/processes.py --json processes.json

Starts `graphkit train` by one process with one thread, by one process with as many threads as there are processes
below, and by several processes with one thread each, one after the other and several times. An item is a clip or a
graph; the rate is that of whole epochs, training and validation, without the first one of each run. "Norms apart" is
`train.sync_batchnorm=false`: each process has the statistics of its own part of a batch. Runs at the same time that
have nothing to do with each other say what the machine can give at most.
"""

import argparse
import csv
import json
import os
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import median

SETTINGS = {
    "stigcn on nw-ucla": ["--model", "stigcn", "--dataset", "nw-ucla", "--set", "train.warmup=0"],
    "stigcn on nw-ucla, batches of 128": [
        "--model", "stigcn", "--dataset", "nw-ucla", "--set", "train.warmup=0", "--set", "train.batch_size=128",
    ],
    "gcn on 100,000 nodes, batches of 1024": [
        "--model", "gcn", "--dataset", "sbm-2m", "--recipe", "none", "--set", "data.num_nodes=100000",
        "--set", "data.num_edges=500000", "--set", "train.batch_size=1024", "--set", "train.num_neighbors=[10]",
    ],
    "factorgcn on factor-graphs": ["--model", "factorgcn", "--dataset", "factor-graphs", "--set", "data.seed=0"],
    "factorgcn on factor-graphs, batches of 2000": [
        "--model", "factorgcn", "--dataset", "factor-graphs", "--set", "data.seed=0", "--set", "train.batch_size=2000",
    ],
}  # fmt: skip


def epochs_per_second(settings: list[str], processes: int, threads: int, sync_batchnorm: bool, epochs: int) -> float:
    """Trains in processes of their own and returns the epochs per second after the first."""
    with tempfile.TemporaryDirectory() as folder:
        train = ["-m", "graphkit", "train", *settings, "--epochs", str(epochs), "--output", f"{folder}/run", "--quiet"]
        launch = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(processes)]
        command = [sys.executable, *(launch if processes > 1 else []), *train, "--set", f"train.threads={threads}"]
        command += ["--set", f"train.sync_batchnorm={str(sync_batchnorm).lower()}"]
        environment = {**os.environ, "OMP_NUM_THREADS": str(threads)}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        if done.returncode:
            raise SystemExit(done.stderr)
        with (Path(folder) / "run" / "metrics.csv").open(newline="") as file:
            seconds = [float(row["seconds"]) for row in csv.DictReader(file)]
    return 1.0 / median(seconds[1:])


def side_by_side(settings: list[str], processes: int, epochs: int) -> float:
    """Returns the epochs per second of runs at the same time that have nothing to do with each other, added up."""
    with ThreadPoolExecutor(processes) as pool:
        runs = [pool.submit(epochs_per_second, settings, 1, 1, True, epochs) for _ in range(processes)]
        return sum(run.result() for run in runs)


def main() -> None:
    """Prints a table and writes it as JSON."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--only", choices=[*SETTINGS], action="append")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json")
    arguments = parser.parse_args()
    ways = {
        "one process": (1, 1, True),
        f"one process, {arguments.processes} threads": (1, arguments.processes, True),
        f"{arguments.processes} processes": (arguments.processes, 1, True),
        f"{arguments.processes} processes, norms apart": (arguments.processes, 1, False),
    }
    table = []
    for name in arguments.only or SETTINGS:
        apart = f"{arguments.processes} runs at the same time"
        rates: dict[str, list[float]] = {way: [] for way in (*ways, apart)}
        for _ in range(arguments.rounds):
            for way, (processes, threads, shared) in ways.items():
                rates[way].append(epochs_per_second(SETTINGS[name], processes, threads, shared, arguments.epochs))
            rates[apart].append(side_by_side(SETTINGS[name], arguments.processes, arguments.epochs))
        base = median(rates["one process"])
        for way, values in rates.items():
            row = {"training": name, "way": way, "epochs_per_second": median(values), "ratio": median(values) / base}
            table.append(row)
            print(f"{name:48} {way:26} {1 / row['epochs_per_second']:8.2f} s/epoch {row['ratio']:6.2f}x", flush=True)
    if arguments.json:
        Path(arguments.json).write_text(json.dumps(table, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
