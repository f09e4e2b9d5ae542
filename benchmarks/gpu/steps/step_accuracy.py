"""Step 5: STIGCN on NW-UCLA, joint stream, stopped by the clock; the run goes on from ``stigcn-run.tar``."""

import csv
import json
import os
import shutil
import signal
import subprocess
import sys
import tarfile
import time
from contextlib import suppress
from pathlib import Path

from reporting import DEVICE, DRY, END, Reporter, Row

OUT = Path(os.environ["GRAPHKIT_GPU_OUT"])
RUN = Path(os.environ["GRAPHKIT_CACHE"]).parent / "stigcn-run"
ARCHIVE = "stigcn-run.tar"
#: Exit status of a run that ends or is interrupted. After an interrupt within ``exec``, such as the definition of a
#: dataclass, Python ends by the signal.
STOPPED = (0, 130, -signal.SIGINT)
RESERVE = 20.0  # seconds for the end of an epoch and for the archive


def train(stop_early: bool = False) -> tuple[int, str, str]:
    """Trains from the last checkpoint, or from the start, until the run is done or the time is up.

    Args:
        stop_early: Whether to stop after the first epochs.

    Returns:
        The exit status, and what went to standard output and standard error.
    """
    command = [sys.executable, "-m", "graphkit", "train", "--json", "--device", DEVICE]
    if (RUN / "state.pt").exists():
        command += ["--resume", str(RUN)]
    else:
        shutil.rmtree(RUN, ignore_errors=True)
        command += ["--model", "stigcn", "--stream", "joint", "--output", str(RUN)]
        if DRY:
            command += ["--dataset", "synthetic-skeleton", "--set", "data.num_clips=40", "--epochs", "6"]
        else:
            command += ["--dataset", "nw-ucla"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    stop = END - RESERVE
    while process.poll() is None and time.monotonic() < stop and not (stop_early and (RUN / "state.pt").exists()):
        with suppress(subprocess.TimeoutExpired):
            process.wait(0.05)
    if process.poll() is None:
        process.send_signal(signal.SIGINT)  # it ends after the epoch
    try:
        said, errors = process.communicate(timeout=max(END - 5 - time.monotonic(), 3.0))
    except subprocess.TimeoutExpired:
        process.kill()  # the last checkpoint is whole
        said, errors = process.communicate()
    return process.returncode, said, errors


def pack() -> None:
    """Writes the run folder into one file beside the results."""
    temporary = OUT / f".{ARCHIVE}"
    with tarfile.open(temporary, "w") as archive:
        for path in sorted(RUN.iterdir()):
            if path.suffix in (".pt", ".json", ".csv", ".yaml", ".safetensors"):
                archive.add(path, path.name)
    temporary.replace(OUT / ARCHIVE)


def unpack() -> bool:
    """Takes up a run from the results, or from the folder of the data; returns whether there is one."""
    folders = [OUT, *([Path(os.environ["GRAPHKIT_DATA"])] if os.environ.get("GRAPHKIT_DATA") else [])]
    for folder in folders:
        if (folder / ARCHIVE).exists() and not RUN.exists():
            RUN.mkdir(parents=True)
            with tarfile.open(folder / ARCHIVE) as archive:
                archive.extractall(RUN, filter="data")
    return RUN.exists()


def accuracy() -> Row:
    """Returns how far the run has come."""
    data = os.environ.get("GRAPHKIT_DATA")
    if DRY:
        for path in (RUN, OUT / ARCHIVE):
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
        code, _, errors = train(stop_early=True)
        if code not in STOPPED:
            raise RuntimeError(f"training ended with {code}: {errors[-1000:]}")
        pack()
        shutil.rmtree(RUN)
    elif data is None or not any(Path(data).glob("NW-UCLA/*.zip")):
        return {"status": "not run", "message": "--data has no NW-UCLA/all_sqe.zip"}
    went_on = unpack()
    begin = time.monotonic()
    code, said, errors = train()
    if code != 0 and not (RUN / "state.pt").exists():
        raise RuntimeError(f"training ended with {code}: {errors[-1000:]}")
    pack()
    with (RUN / "metrics.csv").open(encoding="utf-8") as file:
        epochs = list(csv.DictReader(file))
    row: Row = {"model": "stigcn", "dataset": "synthetic-skeleton" if DRY else "nw-ucla", "stream": "joint"}
    row |= {"finished": code == 0, "went_on": went_on, "seconds": round(time.monotonic() - begin, 1)}
    row |= {"epochs": len(epochs), **{f"last_{key}": value for key, value in epochs[-1].items()}}
    if code == 0:
        result = json.loads(said)
        row |= {"accuracy": result["test"]["mean"], "selected_on": result["selected_on"]}
        row |= {"training_seconds": result["seconds"], "run_peak_mb": result["peak_memory_mb"]}
    elif code in (*STOPPED, -signal.SIGKILL):
        row["message"] = "stopped by the clock; it goes on with --from accuracy"
    else:
        raise RuntimeError(f"training ended with {code}: {errors[-1000:]}")
    return row


def run(reporter: Reporter) -> None:
    """Works off the step."""
    reporter.work_off({"stigcn": accuracy}, limit=3600)
