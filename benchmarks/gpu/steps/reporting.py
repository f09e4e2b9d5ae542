"""What the steps share: where they run, for how long, and how they report."""

import json
import os
import sys
import time
import traceback
from collections.abc import Callable
from typing import Any

import torch

DRY = os.environ["GRAPHKIT_GPU_DRY"] == "1"
DEVICE = "cpu" if DRY else "cuda"
END = time.monotonic() + float(os.environ["GRAPHKIT_GPU_SECONDS"])
Row = dict[str, Any]


class Reporter:
    """The end of the pipe that a worker writes to.

    Args:
        pipe: File descriptor.
        done: Units that need no more work.
    """

    def __init__(self, pipe: int, done: set[str]) -> None:
        self.pipe, self.done = pipe, done

    def say(self, **message: Any) -> None:
        """Sends one message."""
        os.write(self.pipe, json.dumps(message, default=str).encode() + b"\n")

    def row(self, unit: str, status: str = "ok", **fields: Any) -> None:
        """Reports the result of a unit."""
        clean = {key: None if value != value else value for key, value in fields.items()}  # JSON has no NaN
        self.say(row={"unit": unit, "status": status, **clean})

    def work_off(self, units: dict[str, Callable[[], Row]], limit: float) -> None:
        """Calls each unit that is left; an error of one is its result. A GPU that is broken ends the process."""
        self.say(units=list(units))
        for unit, call in units.items():
            if unit in self.done:
                continue
            self.say(begin=unit, limit=limit)
            try:
                self.row(unit, **call())
            except Exception:
                self.row(unit, "failed", message=traceback.format_exc()[-1500:])
            leave_if_broken()


def leave_if_broken() -> None:
    """Ends the process if its GPU answers no more: an error of a kernel stays with the process that it happened in."""
    if DEVICE != "cuda":
        return
    try:
        torch.cuda.synchronize()
        torch.cuda.empty_cache()
    except RuntimeError:
        traceback.print_exc()
        sys.stdout.flush()
        os._exit(3)
