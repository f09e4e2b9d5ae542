"""The one reason for which a report leaves a picture out."""

from collections.abc import Iterator
from contextlib import contextmanager

from graphkit.errors import InputError


class NoPicture(InputError):
    """A run has nothing to draw, or its data cannot be read any more: the rest of the report is as true without it."""


@contextmanager
def loading() -> Iterator[None]:
    """Turns what goes wrong when data and models are loaded into :class:`NoPicture`.

    Raises:
        NoPicture: If a file is gone or damaged, data have changed, or a package for them is missing.
    """
    try:
        yield
    except (InputError, FileNotFoundError, ImportError) as error:
        raise NoPicture(str(error)) from error
