"""Ctrl-C that waits for the end of an epoch, so that nothing is lost."""

import signal
import threading
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any

from graphkit.train.progress import Progress


class Interrupted(Exception):
    """Training was interrupted; what was done is in the run folder and can be continued.

    Args:
        epoch: The last whole epoch.
        folder: The run folder, to be given to :func:`~graphkit.train.resume`.
    """

    def __init__(self, epoch: int, folder: Path) -> None:
        super().__init__(f"interrupted after epoch {epoch}")
        self.epoch = epoch
        self.folder = folder


class InterruptFlag:
    """While it is open, the first Ctrl-C (or request to terminate) is only noted; the second one acts at once."""

    def __init__(self, progress: Progress) -> None:
        self.progress = progress
        self.raised = False
        self._previous: dict[int, Any] = {}

    def __enter__(self) -> "InterruptFlag":
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                self._previous[number] = signal.signal(number, self._note)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)

    def _note(self, number: int, frame: FrameType | None) -> None:
        if self.raised:
            raise KeyboardInterrupt
        self.raised = True
        self.progress.say("stopping after this epoch (Ctrl-C again to stop at once and lose it)")
