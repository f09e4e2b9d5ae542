"""Contents of the wheels and of the source distribution.

`make dist` sets GRAPHKIT_DIST to the folder that it has written. Otherwise the source distribution and the wheel
without native operators are built here.
"""

import os
import subprocess
import sys
import tarfile
import zipfile
from email.message import Message
from email.parser import Parser
from pathlib import Path

import pytest

from graphkit.version import __version__

ROOT = Path(__file__).resolve().parent.parent
NAME = f"pyg_graphkit-{__version__}"
pytestmark = pytest.mark.extended


@pytest.fixture(scope="module")
def tracked() -> set[str]:
    """Files under git."""
    done = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True)
    if done.returncode != 0:
        pytest.skip("needs a git checkout")
    return {path for path in done.stdout.splitlines() if (ROOT / path).is_file()}


@pytest.fixture(scope="module")
def folder(tracked: set[str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of the distributions."""
    if "GRAPHKIT_DIST" in os.environ:
        return ROOT / os.environ["GRAPHKIT_DIST"]
    target, work = tmp_path_factory.mktemp("dist"), tmp_path_factory.mktemp("work")
    for path in tracked:
        (work / path).parent.mkdir(parents=True, exist_ok=True)
        (work / path).write_bytes((ROOT / path).read_bytes())
    build(work, "sdist", target)
    with tarfile.open(target / f"{NAME}.tar.gz") as archive:
        archive.extractall(work, filter="data")
    build(work / NAME, "bdist_wheel", target / "pure")
    return target


def build(work: Path, command: str, target: Path) -> None:
    environment = {**os.environ, "GRAPHKIT_BUILD_NATIVE": "0"}
    line = [sys.executable, "setup.py", "-q", command, "--dist-dir", str(target)]
    done = subprocess.run(line, cwd=work, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def read_wheel(path: Path) -> tuple[set[str], Message, Message]:
    """Returns the files of a wheel without its metadata, its METADATA and its WHEEL."""
    with zipfile.ZipFile(path) as wheel:
        files = {name for name in wheel.namelist() if not name.endswith("/")}
        metadata, tags = (wheel.read(f"{NAME}.dist-info/{name}").decode() for name in ("METADATA", "WHEEL"))
    files = {name for name in files if not name.startswith(f"{NAME}.dist-info/")}
    return files, Parser().parsestr(metadata), Parser().parsestr(tags)


def package_files(tracked: set[str]) -> set[str]:
    return {path for path in tracked if path.startswith("graphkit/") and not path.startswith("graphkit/csrc/")}


def test_pure_wheel_has_the_files_of_the_package_and_no_others(folder: Path, tracked: set[str]) -> None:
    files, metadata, tags = read_wheel(folder / "pure" / f"{NAME}-py3-none-any.whl")
    assert files == package_files(tracked)
    assert {"graphkit/py.typed", "graphkit/manifest.json", "graphkit/report/templates/page.html"} <= files
    assert tags["Root-Is-Purelib"] == "true"
    assert (metadata["Version"], metadata["Requires-Python"]) == (__version__, ">=3.11")


def test_native_wheel_adds_one_library(folder: Path, tracked: set[str]) -> None:
    wheels = list(folder.glob("*.whl"))
    if not wheels:
        pytest.skip("make dist builds it")
    assert len(wheels) == 1 and wheels[0].name.startswith(f"{NAME}-cp311-abi3-")
    files, metadata, tags = read_wheel(wheels[0])
    assert files - package_files(tracked) == {"graphkit/_C.abi3.so"}
    assert package_files(tracked) <= files
    assert tags["Root-Is-Purelib"] == "false"
    assert sys.platform != "linux" or "-manylinux_" in tags["Tag"]
    assert metadata["Requires-Python"] == ">=3.11"


def test_source_distribution_has_every_file_under_git(folder: Path, tracked: set[str]) -> None:
    with tarfile.open(folder / f"{NAME}.tar.gz") as archive:
        files = {name.removeprefix(f"{NAME}/") for name in archive.getnames() if archive.getmember(name).isfile()}
    written = {path for path in files if path == "PKG-INFO" or path.startswith("pyg_graphkit.egg-info/")}
    assert files - written == {path for path in tracked if not path.startswith(".")}
