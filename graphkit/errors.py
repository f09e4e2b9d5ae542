"""Exception classes of user errors: invalid arguments, settings and files.

The message is one line: the expected value, the actual value and a remedy. The command line prints the message and
exits with code 2. Any other exception is a bug and is shown with its traceback.
"""

__all__ = ["InputError", "InputTypeError", "MissingPackageError"]


class InputError(ValueError):
    """Invalid value of an argument, a setting or a file."""


class InputTypeError(InputError, TypeError):
    """Argument or setting of the wrong type."""


class MissingPackageError(InputError, ImportError):
    """Missing optional package."""
