"""Downloads with a reachability check, without retries, and with atomic results."""

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

#: Accepted prefixes of URLs.
SCHEMES = ("https",)

TIMEOUT = 20.0  # seconds without data until a download fails
REACHABLE_TIMEOUT = 3.0  # seconds for the reachability check


def unreachable_host(address: str) -> str:
    """Returns the name of an unreachable server or proxy, else an empty string."""
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
    """Sets a default socket timeout within the context."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(TIMEOUT)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)


@contextlib.contextmanager
def private_folder(parent: Path) -> Iterator[Path]:
    """Creates a temporary folder, and deletes it on exit."""
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
    """Renames a completed folder atomically; an existing target is kept."""
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.rename(folder, target)
    except OSError:
        if not target.is_dir():
            raise


def fetch_files(urls: Sequence[str], folder: Path, names: Sequence[str]) -> None:
    """Downloads files and archives over HTTPS.

    Args:
        urls (list[str]): URLs. A ``.zip`` archive is unpacked without its only top folder; a gzipped file is unpacked
            unless its name is in ``names``.
        folder (Path): Target folder.
        names (list[str]): Files and folders that must exist afterwards.

    Raises:
        OSError: If a download fails or is incomplete.
        InputError: If a URL or redirection is not HTTPS, an archive is damaged or unsafe, or a name is missing.
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
        OSError: If the download fails or is incomplete.
        InputError: If the URL or a redirection is not HTTPS.
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
        InputError: If the file is not an archive, has a path outside of the folder, or has an excessive compression
            ratio.
    """
    check_zip(archive)
    with private_folder(folder.parent) as work:
        shutil.unpack_archive(archive, work, "zip")
        shutil.rmtree(work / "__MACOSX", ignore_errors=True)
        entries = list(work.iterdir())
        top = entries[0] if len(entries) == 1 and entries[0].is_dir() else work
        shutil.copytree(top, folder, dirs_exist_ok=True)
