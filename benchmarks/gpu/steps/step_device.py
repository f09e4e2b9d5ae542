"""Step 1: what the machine is, which operators are in use, how fast it copies and multiplies."""

import json
import shutil
import subprocess
import sys

import torch
from measuring import copy_speed, median_ms
from reporting import DEVICE, DRY, Reporter, Row


def doctor() -> Row:
    """Returns what ``graphkit doctor`` finds."""
    done = subprocess.run([sys.executable, "-m", "graphkit", "doctor", "--json"], capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError(done.stderr[-1000:])
    report = json.loads(done.stdout)
    row: Row = {"cuda": report["cuda"], "architecture": report["cuda_architecture"], **report["packages"]}
    for operator in report["operators"]:
        row[operator["operator"]] = f"{operator['cuda_backend']}: {operator['cuda_reason']}"
    return row


def driver() -> Row:
    """Returns what nvidia-smi says."""
    if shutil.which("nvidia-smi") is None:
        return {"status": "not run", "message": "there is no nvidia-smi"}
    fields = "name,driver_version,memory.total,clocks.max.sm,clocks.max.mem,power.limit"
    command = ["nvidia-smi", f"--query-gpu={fields}", "--format=csv,noheader"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=20)
    return {"message": (done.stdout or done.stderr).strip()[:300]} if done.returncode == 0 else {"status": "not run"}


def copy() -> Row:
    """Returns the speed of a copy, read and written bytes together."""
    return {"bytes_per_second": copy_speed()}


def product() -> Row:
    """Returns the speed of a product of matrices in bfloat16."""
    size = 256 if DRY else 8192
    a, b = torch.randn(2, size, size, device=DEVICE, dtype=torch.bfloat16)
    return {"flop_per_second": 2 * size**3 / median_ms(lambda: a @ b) * 1e3, "size": size}


def run(reporter: Reporter) -> None:
    """Works off the step."""
    reporter.work_off({"doctor": doctor, "driver": driver, "copy": copy, "bfloat16 product": product}, limit=60)
