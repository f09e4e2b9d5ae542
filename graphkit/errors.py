"""Exception classes for mistakes of the user: invalid arguments, settings and files.

Their message is one line: what was expected, what came, what to do. The command line shows this line and exits with
code 2; every other exception of the package is a fault of the program and keeps its traceback.
"""

__all__ = ["InputError", "InputTypeError", "MissingPackageError"]


class InputError(ValueError):
    """Invalid value of an argument, a setting or a file."""


class InputTypeError(InputError, TypeError):
    """Argument or setting of the wrong type."""


class MissingPackageError(InputError, ImportError):
    """Optional package that is needed and not installed."""
