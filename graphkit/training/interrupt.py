"""Interruption of training by Ctrl-C, with a checkpoint."""

import contextlib
import signal
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any

from graphkit.training.progress import Progress

#: Seconds after Ctrl-C until a running epoch is aborted.
GRACE = 1.5


class Interrupted(Exception):
    """Interruption of training, whose state is saved in the run folder.

    Args:
        epoch: Last completed epoch.
        folder: The run folder, for :func:`~graphkit.experiments.resume`.
        message: Message of the error; ``""`` for one with the epoch.
    """

    def __init__(self, epoch: int, folder: Path, message: str = "") -> None:
        super().__init__(message or f"interrupted after epoch {epoch}")
        self.epoch = epoch
        self.folder = folder


class InterruptFlag:
    """Context that sets :attr:`raised` at the first Ctrl-C, or at SIGTERM.

    The training loop ends after the current epoch. After :data:`GRACE` seconds, or at a second Ctrl-C, a
    ``KeyboardInterrupt`` is raised in the main thread; :meth:`stopping` converts the former to :class:`Interrupted`.

    Args:
        progress: Progress display.
        waits: If ``True``, the epoch is not aborted after :data:`GRACE` seconds: several processes must end at the same
            point.
    """

    def __init__(self, progress: Progress, waits: bool = False) -> None:
        self.progress, self.waits = progress, waits
        #: Whether Ctrl-C was pressed.
        self.raised = False
        #: Whether the epoch was aborted.
        self.expired = False
        self._previous: dict[int, Any] = {}
        self._lock, self._closed = threading.Lock(), threading.Event()

    def __enter__(self) -> "InterruptFlag":
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                self._previous[number] = signal.signal(number, self._note)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            with self._lock:
                self._closed.set()
        finally:
            for number, handler in self._previous.items():
                signal.signal(number, handler)

    @contextlib.contextmanager
    def stopping(self, interrupted: Callable[[], Interrupted]) -> Iterator[None]:
        """Context that raises :class:`Interrupted` if the epoch was aborted.

        Args:
            interrupted: Function that returns the exception.
        """
        try:
            yield
        except KeyboardInterrupt:
            if not self.expired:  # a second Ctrl-C
                raise
            raise interrupted() from None

    def _note(self, number: int, frame: FrameType | None) -> None:
        if self.raised:
            raise KeyboardInterrupt
        self.raised = True
        if not self.waits:
            threading.Thread(target=self._expire, daemon=True).start()
        with contextlib.suppress(RuntimeError):  # reentrant call of a stream that the main thread writes to
            self.progress.say("stopping (Ctrl-C again to stop at once)")

    def _expire(self) -> None:
        """Interrupts the main thread, again if a callback of a library lost the exception."""
        wait = GRACE
        while not self._closed.wait(wait):
            with self._lock:
                if self._closed.is_set():
                    return
                self.expired, wait = True, 3.0
                if hasattr(signal, "pthread_kill"):  # also ends a blocking call of the thread
                    signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
                else:
                    signal.raise_signal(signal.SIGINT)
