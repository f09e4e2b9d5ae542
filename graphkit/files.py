"""Files that are either whole or absent: atomic writes, and checks before a file is trusted."""

import glob
import json
import os
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import Any

from graphkit.errors import InputError
from graphkit.processes import alive, machine_id


def write_atomically(path: str | Path, write: Callable[[Path], object]) -> None:
    """Writes a file so that a reader, or a kill at any moment, finds the old content or the new one.

    The content goes to a temporary file in the same folder, reaches the disk, and then takes the name in one step.

    Args:
        path: The file to write.
        write: Called with the path of the temporary file, which it fills.
    """
    path = Path(path)
    own = f".{path.name}.{machine_id()}-"  # processes of other machines may write the same file in a shared folder
    for left in path.parent.glob(f"{glob.escape(own)}[0-9]*-*.part"):
        if not alive(int(left.name.removeprefix(own).split("-")[0])):  # it was killed while it wrote
            left.unlink(missing_ok=True)
    handle, name = tempfile.mkstemp(prefix=f"{own}{os.getpid()}-", suffix=".part", dir=path.parent)
    os.close(handle)
    temporary = Path(name)
    try:
        write(temporary)
        with open(temporary, "rb") as file:
            os.fsync(file.fileno())
        temporary.chmod(0o644)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


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
        ValueError: If it is damaged.
    """
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"))
    except ValueError as error:
        raise InputError(f"'{path}' is damaged ({error}); {remedy}") from None


def check_zip(path: str | Path) -> None:
    """Refuses an archive with a member that would land outside of the folder it is unpacked to.

    Args:
        path: A zip archive; ``.npz`` and ``.pt`` files are such archives too.

    Raises:
        ValueError: If the file is no readable zip archive, or a member is damaged or has a name that is absolute or
            leads upwards.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
            damaged = archive.testzip()
    except (zipfile.BadZipFile, OSError, EOFError, RuntimeError, NotImplementedError) as error:
        raise InputError(f"'{path}' is not a readable archive ({error}); fetch or write it again") from None
    if damaged is not None:
        raise InputError(f"'{path}' is damaged ('{damaged}' does not match its checksum); fetch or write it again")
    for name in names:
        parts = PurePosixPath(name.replace("\\", "/"))
        if parts.is_absolute() or ".." in parts.parts or (parts.parts and parts.parts[0].endswith(":")):
            raise InputError(f"'{path}' holds the unsafe name '{name}', which leads out of its folder; it is refused")
