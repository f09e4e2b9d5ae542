"""Exception for figures that cannot be drawn."""

from collections.abc import Iterator
from contextlib import contextmanager

from graphkit.errors import InputError


class NoPicture(InputError):
    """Figure that cannot be drawn, and is omitted from a report."""


@contextmanager
def loading() -> Iterator[None]:
    """Converts errors of loading data and models to :class:`NoPicture`.

    Raises:
        NoPicture: If a file is missing or damaged, the data have changed, or a package is missing.
    """
    try:
        yield
    except (InputError, FileNotFoundError, ImportError) as error:
        raise NoPicture(str(error)) from error
