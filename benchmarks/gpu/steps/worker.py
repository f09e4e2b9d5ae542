"""A process of a step: ``worker.py STEP PIPE DONE`` works off the units of a step and reports rows through a pipe."""

import importlib
import json
import os
import platform
import sys
from pathlib import Path

import torch
from reporting import DEVICE, Reporter, Row

from graphkit import ops
from graphkit.ops import _cuda, _native


def about() -> Row:
    """Returns what the results hold for."""
    libraries = sorted(Path(_cuda.__file__).parents[1].glob("_cuda*.so"))
    row: Row = {"python": platform.python_version(), "torch": torch.__version__, "backend": ops.backend()}
    row["sources"] = _cuda.read_build(libraries[0])[1] if libraries else "none"
    if DEVICE == "cuda":
        row |= {"device": torch.cuda.get_device_name(), "architecture": _cuda.architecture()}
        row["kernels"] = sorted(_native._ON_CUDA)
    else:
        row |= {"device": "dry run on the CPU", "architecture": "cpu"}
        row["kernels"] = [row.operator for row in ops.describe() if row.operator != "shortest_paths"]
    return row


def main() -> None:
    """Works off the step that the command line names."""
    step, pipe, done = sys.argv[1:]
    if not Path(ops.__file__).is_relative_to(Path(os.environ["PYTHONPATH"].split(os.pathsep)[0])):
        raise SystemExit(f"graphkit comes from {ops.__file__}, not from the folder it was built into")
    if DEVICE == "cuda" and not torch.cuda.is_available():
        raise SystemExit(f"no GPU is seen by torch {torch.__version__}; --dry-run does without")
    sys.path.append(str(Path(__file__).resolve().parents[2] / "models"))
    os.set_inheritable(int(pipe), False)  # a child that outlives this process must not keep the pipe open
    reporter = Reporter(int(pipe), set(json.loads(Path(done).read_text())))
    reporter.say(about=about())
    importlib.import_module(f"step_{step}").run(reporter)


if __name__ == "__main__":
    main()
