"""Server that runs scripts in children forked from one process that has imported PyTorch and PyG.

Reads one JSON object per line from standard input (``path``, ``folder``, ``seconds``) and answers each with one line
(``code``, ``output``).
"""

import contextlib
import io
import json
import os
import runpy
import sys
import warnings
from pathlib import Path

import torch
import torch_geometric  # noqa: F401

from tests.warm import run_forked


def run_script(path: str, folder: str) -> tuple[int, str]:
    """Runs a script with its own working folder, temporary folder and cache; returns its exit code and output."""
    os.chdir(folder)
    os.environ.update(TMPDIR=folder, GRAPHKIT_CACHE=os.environ.get("GRAPHKIT_CACHE", folder), GRAPHKIT_OFFLINE="1")
    sys.argv = [path]
    output, code = io.StringIO(), 0
    with contextlib.redirect_stdout(output), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            runpy.run_path(path, run_name="__main__")
        except SystemExit as stop:
            code = int(stop.code or 0)
        except BaseException as error:
            return 3, f"{output.getvalue()}\n{type(error).__name__}: {error}"
    return code, output.getvalue()


def main() -> None:
    """Answers requests until standard input ends."""
    torch.set_num_threads(1)
    for line in sys.stdin:
        request = json.loads(line)
        path, folder = request["path"], request["folder"]
        outcome = run_forked(lambda path=path, folder=folder: run_script(path, folder), request["seconds"])
        code, output = outcome.value or (-outcome.signal or -1, "the script did not end by itself")
        print(json.dumps({"code": code, "output": output}), flush=True)


if __name__ == "__main__":
    sys.path[0] = str(Path(__file__).resolve().parents[2])
    main()
