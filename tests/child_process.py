"""Real processes for tests, forked so that they need not import everything again."""

import os
import signal
import sys
import time
import traceback
import warnings
from collections.abc import Callable
from pathlib import Path


class Child:
    """A process that calls a function and ends: with 0, or with 1 if an error was raised, whose text it leaves.

    Args:
        call: The function.
        errors: A file for the text of its error.
    """

    def __init__(self, call: Callable[[], object], errors: Path) -> None:
        self.errors = errors
        sys.stdout.flush()
        sys.stderr.flush()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # of Python 3.12, where another thread is about to end
            self.process = os.fork()
        if self.process == 0:
            code = 1
            try:
                call()
                code = 0
            except BaseException as error:
                errors.write_text(f"{error}\n{traceback.format_exc()}")
            finally:
                os._exit(code)

    def end(self) -> int:
        """Waits for the end, and returns the exit code, or minus the signal."""
        return os.waitstatus_to_exitcode(os.waitpid(self.process, 0)[1])

    def kill(self) -> None:
        """Kills it at once."""
        os.kill(self.process, signal.SIGKILL)
        self.end()


def wait_for(path: Path, seconds: float = 30.0) -> None:
    """Waits until a file is there."""
    limit = time.monotonic() + seconds
    while not path.exists():
        assert time.monotonic() < limit, f"{path} did not come"
        time.sleep(0.01)
