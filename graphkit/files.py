"""Files that are either whole or absent: atomic writes, and checks before a file is trusted."""

import csv
import errno
import glob
import json
import lzma
import os
import pickle
import re
import secrets
import struct
import tokenize
import warnings
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Any

from graphkit.errors import InputError
from graphkit.processes import alive, machine_id

#: Exceptions that parsers of other packages raise on damaged files: NumPy, PyTorch's unpickler, zip, gzip, JSON, XML.
PARSER_ERRORS = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    EOFError,
    ImportError,
    LookupError,
    MemoryError,
    OSError,
    RuntimeError,  # RecursionError and NotImplementedError too
    SyntaxError,  # xml.etree.ElementTree.ParseError too
    TypeError,
    ValueError,  # UnicodeDecodeError and json.JSONDecodeError too
    csv.Error,
    lzma.LZMAError,
    pickle.UnpicklingError,
    struct.error,
    tokenize.TokenError,
    zipfile.BadZipFile,
    zlib.error,
)
#: Bytes that the content of any file may take in memory, and how many times its size the content of a larger one may.
SMALL_CONTENT, LARGEST_RATIO = 2**26, 100
#: Bytes of the largest JSON file that is read: its content may take twenty times as many.
LARGEST_JSON = 2**25
#: Numbers of the errors of a disk, a quota or a file that is full.
FULL = tuple(getattr(errno, name) for name in ("ENOSPC", "EDQUOT", "EFBIG") if hasattr(errno, name))
#: Names of temporary files: the file, the machine and the process that writes it.
_TEMPORARY = re.compile(r"\.(?P<name>.+)\.(?P<machine>[0-9a-f]+)-(?P<process>[0-9]{1,9})-\w+\.part")


@contextmanager
def parsing(
    path: str | Path,
    remedy: str = "write it again",
    kind: str = "",
    errors: tuple[type[Exception], ...] = PARSER_ERRORS,
) -> Iterator[None]:
    """Context of a parser of another package: what it raises on a damaged file becomes an ``InputError``.

    Only the call of the parser belongs into the context, not code of this package. Warnings of the parser are ignored.

    Args:
        path: The file.
        remedy: What to do if the file cannot be read.
        kind: What the file should be, such as ``"as an array"``.
        errors: Exceptions of the parser.

    Raises:
        InputError: If the parser raises one of ``errors``, except for a file that is absent or must not be read.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except (InputError, FileNotFoundError, PermissionError, IsADirectoryError):
        raise
    except errors as error:
        detail = " ".join(str(error).split())[:160]
        detail = detail if detail and isinstance(error, ValueError | OSError) else f"{type(error).__name__}: {detail}"
        what = f" {kind}" if kind else ""
        raise InputError(f"'{path}' cannot be read{what} ({detail.removesuffix(': ')}); {remedy}") from None


def check_content_size(path: str | Path, size: int, what: str, remedy: str) -> None:
    """Refuses content that takes far more memory than its file: at most 64 MB, or 100 times the size of the file.

    Args:
        path: The file.
        size: Bytes of the content in memory.
        what: The content, for the error message.
        remedy: What to do if the size is right.

    Raises:
        InputError: If the content is larger.
    """
    file_size = os.path.getsize(path)
    if size > max(SMALL_CONTENT, LARGEST_RATIO * file_size):
        raise InputError(
            f"'{path}': {what} would take {size / 2**20:,.0f} MB, more than {LARGEST_RATIO} times the file of "
            f"{file_size:,} bytes; {remedy}"
        )


class WriteError(OSError):
    """File or folder that cannot be written; the message names it and says what to do."""

    def __str__(self) -> str:
        remedy = "free space on the disk" if self.errno in FULL else "make it writable, or choose another place"
        return (
            f"'{self.filename}' cannot be written ({self.strerror}); {remedy}, then repeat the command "
            "(a run that has begun goes on with --resume)"
        )


@contextmanager
def writing(path: str | Path, space: bool = False) -> Iterator[None]:
    """Context that writes a file, or files in a folder: an ``OSError`` of it names the file and the remedy.

    Errors that name another file, and those of a connection, pass unchanged.

    Args:
        path: The file or the folder.
        space: Whether only errors of a full disk count, in a context that reads files as well.

    Raises:
        WriteError: If the file or the folder cannot be written.
    """
    try:
        yield
    except (WriteError, FileExistsError, ConnectionError, TimeoutError):
        raise
    except OSError as error:
        text, name = str(error), error.filename
        number = errno.ENOSPC if error.errno is None and text.endswith(" written") else error.errno  # NumPy's error
        mine = name is None or Path(path) in (Path(str(name)), *Path(str(name)).parents)
        mine = mine or (not space and Path(str(name)).parent == Path(path).parent)
        if number is None or not mine or (space and number not in FULL):
            raise
        raise WriteError(number, error.strerror or text, str(path)) from None
    except RuntimeError as error:
        if "inline_container" not in str(error) and "PytorchStreamWriter" not in str(error):
            raise
        raise WriteError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path)) from None  # as torch.save says it


def write_atomically(path: str | Path, write: Callable[[Path], object]) -> None:
    """Writes a file so that a reader, or a kill at any moment, finds the old content or the new one.

    The content goes to a temporary file in the same folder, reaches the disk, and then takes the name in one step. The
    permissions are those of any new file (the process's umask).

    Args:
        path: The file to write.
        write: Called with the path of the temporary file, which it fills.

    Raises:
        WriteError: If the file cannot be written; the old content is still there.
    """
    path = Path(path)
    prefix = (
        f".{path.name[:40]}.{machine_id()}-"  # processes of other machines may write the same file in a shared folder
    )
    for left in path.parent.glob(f"{glob.escape(prefix)}[0-9]*-*.part"):
        if unfinished(left):
            left.unlink(missing_ok=True)
    temporary = path.parent / f"{prefix}{os.getpid()}-{secrets.token_hex(4)}.part"
    with writing(path):
        try:
            os.close(os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o666))
            write(temporary)
            with open(temporary, "rb") as file:
                os.fsync(file.fileno())
            os.replace(temporary, path)
        finally:
            temporary.unlink(missing_ok=True)


def unfinished(path: Path) -> str:
    """Returns the name of the file that was being written when a process was killed; empty for any other file.

    Args:
        path: A temporary file of :func:`write_atomically`, or any other file. Of a process of this machine that lives,
            the file is not unfinished.
    """
    match = _TEMPORARY.fullmatch(path.name)
    if match is None or (match["machine"] == machine_id() and alive(int(match["process"]))):
        return ""
    return match["name"]


def write_text(path: str | Path, text: str) -> None:
    """Writes a text file atomically, in UTF-8."""
    write_atomically(path, lambda temporary: temporary.write_text(text, encoding="utf-8"))


def write_json(path: str | Path, content: Any) -> None:
    """Writes a JSON file atomically; the content must not hold NaN, which JSON has no word for."""
    write_text(path, json.dumps(content, indent=2, allow_nan=False) + "\n")


def read_json(path: str | Path, remedy: str = "delete it, or train again") -> Any:
    """Reads a JSON file.

    Args:
        path: The file.
        remedy: What to do if it is damaged.

    Raises:
        InputError: If it is damaged, or larger than any that graphkit writes.
    """
    size = os.path.getsize(path)
    if size > LARGEST_JSON:
        raise InputError(f"'{path}' is damaged ({size:,} bytes, more than {LARGEST_JSON:,}); {remedy}")
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise InputError(f"'{path}' is damaged ({error}); {remedy}") from None


def check_zip(path: str | Path) -> None:
    """Refuses an archive with a member that would land outside of the folder it is unpacked to.

    Args:
        path: A zip archive; ``.npz`` and ``.pt`` files are such archives too.

    Raises:
        InputError: If the file is no readable zip archive, or takes more than 64 MB and 100 times its size unpacked, or
            a member is damaged or has a name that is absolute or leads upwards.
    """
    if not zipfile.is_zipfile(path):
        raise InputError(f"'{path}' is not a readable archive; fetch or write it again")
    with parsing(path, "it is not a readable archive; fetch or write it again"), zipfile.ZipFile(path) as archive:
        names = archive.namelist()
        size = sum(member.file_size for member in archive.infolist())
        check_content_size(path, size, "the unpacked content", "if it is right, write it without compression")
        damaged = archive.testzip()
    if damaged is not None:
        raise InputError(f"'{path}' is damaged ('{damaged}' does not match its checksum); fetch or write it again")
    for name in names:
        parts = PurePosixPath(name.replace("\\", "/"))
        if parts.is_absolute() or ".." in parts.parts or (parts.parts and parts.parts[0].endswith(":")):
            raise InputError(f"'{path}' holds the unsafe name '{name}', which leads out of its folder; it is refused")


def is_number(value: Any) -> bool:
    """Returns whether a value that was read is a finite number."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < float("inf")
