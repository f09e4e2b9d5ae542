"""Ctrl-C that waits a moment for the end of an epoch, so that nothing is lost."""

import contextlib
import signal
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any

from graphkit.training.progress import Progress

#: Seconds that an epoch has to end after Ctrl-C; then it is given up.
GRACE = 1.5


class Interrupted(Exception):
    """Training was interrupted; what was done is in the run folder and can be continued.

    Args:
        epoch: The last whole epoch.
        folder: The run folder, to be given to :func:`~graphkit.experiments.resume`.
        message: Text of the error; by default it names the epoch.
    """

    def __init__(self, epoch: int, folder: Path, message: str = "") -> None:
        super().__init__(message or f"interrupted after epoch {epoch}")
        self.epoch = epoch
        self.folder = folder


class InterruptFlag:
    """Ctrl-C while training, as a context: the first one (or a request to terminate) sets :attr:`raised`.

    The loop ends at the next epoch. If it has not after :data:`GRACE` seconds, or at a second Ctrl-C, a
    ``KeyboardInterrupt`` is raised wherever the main thread is; :meth:`stopping` makes an :class:`Interrupted` of the
    former.

    Args:
        progress: What a person sees.
        waits: Whether the end of the epoch is waited for, however long it takes: of several processes, each must
            reach the same point.
    """

    def __init__(self, progress: Progress, waits: bool = False) -> None:
        self.progress, self.waits = progress, waits
        #: Whether Ctrl-C came.
        self.raised = False
        #: Whether the time for the end of the epoch has run out.
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
        """Context that is left by an :class:`Interrupted` if the time for the end of the epoch has run out.

        Args:
            interrupted: Makes it.
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
        with contextlib.suppress(RuntimeError):  # of a stream that the main thread is writing to at this moment
            self.progress.say("stopping (Ctrl-C again to stop at once)")

    def _expire(self) -> None:
        """Interrupts the main thread, and again where the first interruption was lost in a callback of a library."""
        wait = GRACE
        while not self._closed.wait(wait):
            with self._lock:
                if self._closed.is_set():
                    return
                self.expired, wait = True, 3.0
                if hasattr(signal, "pthread_kill"):  # ends what the thread waits for, too
                    signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
                else:
                    signal.raise_signal(signal.SIGINT)
