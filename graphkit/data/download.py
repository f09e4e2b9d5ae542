"""Downloads that fail fast: one look whether the server answers, no retries, nothing half-written."""

import contextlib
import os
import secrets
import shutil
import socket
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from graphkit.data.raw_tables import open_text
from graphkit.errors import InputError
from graphkit.files import check_zip, unfinished, writing
from graphkit.processes import machine_id

#: What an address may begin with.
SCHEMES = ("https",)

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
def socket_timeout() -> Iterator[None]:
    """Limits for a while how long any socket waits for a byte."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(TIMEOUT)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)


@contextlib.contextmanager
def private_folder(parent: Path) -> Iterator[Path]:
    """Yields a new folder that only this process knows, and removes what is left of it afterwards."""
    prefix = f".folder.{machine_id()}-"
    with writing(parent):
        parent.mkdir(parents=True, exist_ok=True)
        for left in parent.glob(f"{prefix}*.part"):
            if unfinished(left):
                shutil.rmtree(left, ignore_errors=True)
        folder = parent / f"{prefix}{os.getpid()}-{secrets.token_hex(6)}.part"
        folder.mkdir()
    try:
        with writing(parent, space=True):
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


def fetch_files(urls: Sequence[str], folder: Path, names: Sequence[str]) -> None:
    """Downloads files and archives into a folder, over https alone.

    Args:
        urls: Addresses. An archive (``.zip``) is unpacked without its only top folder, a gzipped file unless its own
            name is wanted.
        folder: Where the files go.
        names: Files and folders that must be there in the end.

    Raises:
        OSError: If a download fails or is cut off.
        InputError: If an address or a redirection is not https, an archive is damaged, leads out of the folder or is
            out of proportion large, or a name is absent in the end.
    """
    with private_folder(folder.parent) as work:
        for url in urls:
            name = PurePosixPath(urllib.parse.unquote(urllib.parse.urlsplit(url).path)).name
            fetch(url, work / name)
            if name.endswith(".zip"):
                unpack_zip(work / name, folder)
            elif name.endswith(".gz") and name not in names:
                with open_text(work / name) as packed, open(folder / name.removesuffix(".gz"), "wb") as file:
                    shutil.copyfileobj(packed.buffer, file)  # type: ignore[attr-defined]
            else:
                os.replace(work / name, folder / name)
            (work / name).unlink(missing_ok=True)
    absent = [name for name in names if not (folder / name).exists()]
    if absent:
        raise InputError(f"'{absent[0]}' is not among the downloaded files")


def fetch(url: str, path: Path) -> None:
    """Downloads one file.

    Raises:
        OSError: If the download fails or is cut off.
        InputError: If the address, or one that it is redirected to, is not https.
    """
    _check_scheme(url)
    opener = urllib.request.build_opener(_SafeRedirects)
    try:
        with opener.open(url, timeout=TIMEOUT) as response, open(path, "wb") as file:
            shutil.copyfileobj(response, file)
            length = response.headers.get("Content-Length")
    except urllib.error.HTTPError as error:
        error.close()
        raise
    if length is not None and path.stat().st_size != int(length):
        raise OSError(f"the connection was cut off after {path.stat().st_size} of {length} bytes")


class _SafeRedirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, req: Any, fp: Any, code: int, msg: str, headers: Any, newurl: str) -> Any:
        _check_scheme(newurl)
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _check_scheme(url: str) -> None:
    if urllib.parse.urlsplit(url).scheme not in SCHEMES:
        raise InputError(f"files are downloaded over https alone (got '{url}')")


def unpack_zip(archive: Path, folder: Path) -> None:
    """Unpacks an archive into a folder, without its only top folder if it has one.

    Raises:
        InputError: If the file is no archive, a name in it leads out of the folder, or its content is out of proportion
            to its size.
    """
    check_zip(archive)
    with private_folder(folder.parent) as work:
        shutil.unpack_archive(archive, work, "zip")
        shutil.rmtree(work / "__MACOSX", ignore_errors=True)
        entries = list(work.iterdir())
        top = entries[0] if len(entries) == 1 and entries[0].is_dir() else work
        shutil.copytree(top, folder, dirs_exist_ok=True)
