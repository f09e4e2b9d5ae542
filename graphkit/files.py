"""Atomic file writes and validation of input files."""

import csv
import errno
import glob
import io
import json
import lzma
import os
import pickle
import re
import secrets
import shutil
import struct
import sys
import time
import tokenize
import warnings
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

from graphkit.errors import InputError
from graphkit.processes import alive, machine_id

#: Exceptions of third-party parsers for damaged files: NumPy, PyTorch's unpickler, zip, gzip, JSON, XML.
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
#: Largest decoded content in bytes of any file, and largest ratio of decoded content to file size beyond that.
SMALL_CONTENT, LARGEST_RATIO = 2**26, 100
#: Largest JSON file in bytes; its decoded content may take twenty times as many.
LARGEST_JSON = 2**25
#: Error numbers of a full disk, quota or file.
FULL = tuple(getattr(errno, name) for name in ("ENOSPC", "EDQUOT", "EFBIG") if hasattr(errno, name))
#: First characters of a formula in a spreadsheet, and numbers, which are no formulas.
_FORMULA = tuple("=+-@\t\r\n＝＋－＠")
_DECIMAL = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
#: Pattern of temporary file names: target file, machine and process.
_TEMPORARY = re.compile(r"\.(?P<name>.+)\.(?P<machine>[0-9a-f]+)-(?P<process>[0-9]{1,9})-\w+\.part")


@contextmanager
def parsing(
    path: str | Path,
    remedy: str = "write it again",
    kind: str = "",
    errors: tuple[type[Exception], ...] = PARSER_ERRORS,
) -> Iterator[None]:
    """Converts exceptions of a third-party parser to an ``InputError``.

    The context must contain the call of the parser only. Warnings of the parser are ignored.

    Args:
        path (str or Path): File.
        remedy (str, optional): Remedy in the error message. (default: ``"write it again"``)
        kind (str, optional): Expected format in the error message, such as ``"as an array"``. (default: ``""``)
        errors (tuple[type[Exception], ...], optional): Exceptions of the parser. (default: ``PARSER_ERRORS``)

    Raises:
        InputError: If the parser raises one of ``errors``, unless the file is missing or not readable.
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
    """Raises an error for content of more than 64 MB and 100 times the file size.

    Args:
        path (str or Path): File.
        size (int): Size of the content in memory, in bytes.
        what (str): Description of the content in the error message.
        remedy (str): Remedy in the error message.

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
    """Failed write of a file or folder."""

    def __str__(self) -> str:
        remedy = "free space on the disk" if self.errno in FULL else "make it writable, or choose another place"
        return (
            f"'{self.filename}' cannot be written ({self.strerror}); {remedy}, then repeat the command "
            "(continue a run with --resume)"
        )


@contextmanager
def writing(path: str | Path, space: bool = False) -> Iterator[None]:
    """Converts an ``OSError`` of a write to a :class:`WriteError` with a remedy.

    Errors of other files and of connections are not converted.

    Args:
        path (str or Path): File or folder that the context writes.
        space (bool, optional): If ``True``, converts errors of a full disk only, for a context that also reads files.
            (default: ``False``)

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
        raise WriteError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path)) from None  # from torch.save


def write_atomically(path: str | Path, write: Callable[[Path], object]) -> None:
    """Writes a file atomically.

    After an interruption, the file has its old or its new content.

    The content is written to a temporary file in the same folder, synchronized to disk and renamed. Permissions follow
    the umask of the process.

    Args:
        path (str or Path): File to write.
        write (Callable[[Path], object]): Function that writes the content to the given temporary path.

    Raises:
        WriteError: If the file cannot be written; the old content is kept.
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
            with open(temporary, "r+b") as file:  # Windows synchronizes only files that are open for writing
                os.fsync(file.fileno())
            _replace(temporary, path)
        finally:
            with suppress(OSError):  # on Windows, a file that is memory-mapped; the next write removes it
                temporary.unlink(missing_ok=True)


def _replace(source: Path, target: Path) -> None:
    """Renames a file; on Windows, waits up to a second for readers of the target."""
    for attempt in range(10):
        try:
            return os.replace(source, target)
        except PermissionError:  # Windows does not replace a file that another process has open
            if sys.platform != "win32" or target.is_dir() or attempt == 9:
                raise
            time.sleep(0.1)


def link_or_copy(source: Path, link: Path) -> None:
    """Creates a symbolic link to a file or folder, or a copy where there are no links.

    File systems without symbolic links, and Windows without the right to create them, get a copy.
    """
    try:
        link.symlink_to(source.resolve(), target_is_directory=source.is_dir())
    except (OSError, NotImplementedError):
        if source.is_dir():
            shutil.copytree(source, link)
        else:
            shutil.copyfile(source, link)


def unfinished(path: Path) -> str:
    """Returns the target name of an unfinished atomic write; empty for any other file.

    Args:
        path (Path): Temporary file of :func:`write_atomically`, or any other file. A temporary file of a running
            process on this machine is not unfinished.
    """
    match = _TEMPORARY.fullmatch(path.name)
    if match is None or (match["machine"] == machine_id() and alive(int(match["process"]))):
        return ""
    return match["name"]


def write_text(path: str | Path, text: str) -> None:
    """Writes a text file atomically, in UTF-8 and without translated line ends."""
    write_atomically(path, lambda temporary: temporary.write_bytes(text.encode("utf-8")))


def write_json(path: str | Path, content: Any) -> None:
    """Writes a JSON file atomically; the content must not contain NaN."""
    write_text(path, json.dumps(content, indent=2, allow_nan=False) + "\n")


def csv_cell(value: Any) -> Any:
    """Returns a CSV cell that is no formula in a spreadsheet.

    A text that begins with ``=``, ``+``, ``-``, ``@``, a tab or a line end and is no number is prefixed with an
    apostrophe.

    Example:
        >>> csv_cell("=1+2"), csv_cell("-5"), csv_cell(-5), csv_cell("a")
        ("'=1+2", '-5', -5, 'a')
    """
    if not isinstance(value, str):
        return value
    value = value.encode("utf-8", "backslashreplace").decode("utf-8")  # file names may be invalid UTF-8
    return f"'{value}" if value.startswith(_FORMULA) and not _DECIMAL.fullmatch(value) else value


def write_csv(path: str | Path, columns: Iterable[Any], rows: Iterable[Iterable[Any]]) -> None:
    """Writes a CSV file atomically, see :func:`csv_cell`.

    Args:
        path (str or Path): File to write.
        columns (list): Column names.
        rows (list): Cells of each row.
    """
    table = io.StringIO()
    csv.writer(table, lineterminator="\n").writerows([csv_cell(cell) for cell in row] for row in (columns, *rows))
    write_text(path, table.getvalue())


def read_json(path: str | Path, remedy: str = "delete it, or train again") -> Any:
    """Reads a JSON file.

    Args:
        path (str or Path): File.
        remedy (str, optional): Remedy in the error message. (default: ``"delete it, or train again"``)

    Raises:
        InputError: If the file is damaged or too large.
    """
    size = os.path.getsize(path)
    if size > LARGEST_JSON:
        raise InputError(f"'{path}' is damaged ({size:,} bytes, more than {LARGEST_JSON:,}); {remedy}")
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise InputError(f"'{path}' is damaged ({error}); {remedy}") from None


def is_zip(path: str | Path) -> bool:
    """Returns whether a file is a zip archive, damaged ones included."""
    try:
        return zipfile.is_zipfile(path)
    except zipfile.BadZipFile:
        return True


def check_zip(path: str | Path) -> None:
    """Validates a zip archive: size, checksums and paths of its members.

    Args:
        path (str or Path): Zip archive, such as a ``.npz`` or ``.pt`` file.

    Raises:
        InputError: If the file is not a readable zip archive, its content exceeds 64 MB and 100 times the file size, or
            a member is damaged or has a path outside of the target folder.
    """
    if not is_zip(path):
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
        if parts.is_absolute() or ".." in parts.parts or any(PureWindowsPath(part).drive for part in parts.parts):
            raise InputError(
                f"'{path}' has the unsafe member '{name}', a path outside of the target folder; use another archive"
            )


def is_number(value: Any) -> bool:
    """Returns whether a value is a finite number."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < float("inf")
