"""Downloads that fail fast: one look whether the server answers, no retries, nothing half-written."""

import contextlib
import os
import shutil
import socket
import tempfile
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path

from graphkit.files import check_zip

TIMEOUT = 20.0  # seconds without a byte before a download is given up
REACHABLE_TIMEOUT = 3.0  # seconds that the first contact with a server may take


def unreachable_host(address: str) -> str:
    """Returns the name of the server, or of the proxy before it, that does not answer at once; empty if it does."""
    target = urllib.parse.urlsplit(address)
    proxy = urllib.request.getproxies().get(target.scheme)
    if proxy:
        target = urllib.parse.urlsplit(proxy)
    host, port = target.hostname or "", target.port or (80 if target.scheme == "http" else 443)
    try:
        socket.create_connection((host, port), timeout=REACHABLE_TIMEOUT).close()
    except OSError:
        return host or address
    return ""


@contextlib.contextmanager
def socket_timeout(seconds: float = TIMEOUT) -> Iterator[None]:
    """Limits for a while how long any socket waits for a byte."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(seconds)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)


@contextlib.contextmanager
def private_folder(parent: Path) -> Iterator[Path]:
    """Yields a new folder that only this process knows, and removes what is left of it afterwards."""
    parent.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix=".part-", dir=parent))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def publish(folder: Path, target: Path) -> None:
    """Gives a complete folder its final name in one step; if another process was faster, its folder stays."""
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.rename(folder, target)
    except OSError:
        if not target.is_dir():
            raise


def fetch_zip(address: str, folder: Path) -> None:
    """Downloads an archive and puts the content of its only top folder into ``folder``.

    Raises:
        OSError: If the download fails.
        ValueError: If the file is no archive, or a name in it leads out of the folder.
    """
    with private_folder(folder.parent) as work:
        archive = work / "archive.zip"
        try:
            with urllib.request.urlopen(address, timeout=TIMEOUT) as response, open(archive, "wb") as file:
                shutil.copyfileobj(response, file)
        except urllib.error.HTTPError as error:
            error.close()
            raise
        check_zip(archive)
        shutil.unpack_archive(archive, work / "content")
        (top,) = [path for path in (work / "content").iterdir() if path.is_dir()] or [work / "content"]
        shutil.copytree(top, folder, dirs_exist_ok=True)
