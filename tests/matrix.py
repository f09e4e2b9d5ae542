"""Tests of the built wheels with several versions of Python, torch and PyG, as `make matrix` runs them.

For each row: a new environment in build/matrix, the wheel from dist/ that pip would choose, `graphkit doctor`, the
command of the front page, and the core of the fast tests. The package comes from the wheel, the tests from this folder.
Prints the rows of the table in docs/support.md. Arguments select rows by their Python version.
"""

import datetime
import json
import os
import re
import shutil
import subprocess
import sys
from configparser import ConfigParser
from pathlib import Path
from typing import IO, NamedTuple

ROOT = Path(__file__).resolve().parent.parent
WORK = ROOT / "build" / "matrix"
CORE = ("ops", "nn", "config", "metrics", "sampling", "transforms", "cli")


class Row(NamedTuple):
    """Versions of one environment. ``lowest`` installs the lowest declared version of every requirement."""

    python: str
    torch: str
    pyg: str
    lowest: bool = False


ROWS = (
    Row("3.11", "2.10.0", "2.7.0", lowest=True),
    Row("3.11", "2.13.0", "2.7.0", lowest=True),
    Row("3.11", "2.13.0", "2.8.1"),
    Row("3.12", "2.10.0", "2.7.0"),
    Row("3.13", "2.15.0", "2.8.1"),
)


class Failure(Exception):
    """A command has failed; the text is its last line."""


def call(
    *command: str | Path, folder: Path = WORK, accept: tuple[int, ...] = (0,), stdout: int | IO[str] = subprocess.PIPE
) -> str:
    """Returns what a command prints, if not to a file."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "UV_PYTHON_DOWNLOADS": "never"}
    line = list(map(str, command))
    done = subprocess.run(line, cwd=folder, env=environment, stdout=stdout, stderr=subprocess.PIPE, text=True)
    printed = done.stdout or ""
    if done.returncode not in accept:
        print(printed[-3000:], done.stderr[-3000:], file=sys.stderr)
        raise Failure((done.stderr.strip() or printed.strip() or f"exit code {done.returncode}").splitlines()[-1])
    return printed


def pins(row: Row) -> list[str]:
    """Returns the versions to install, for pip's constraints."""
    settings = ConfigParser()
    settings.read(ROOT / "setup.cfg", encoding="utf-8")
    lines = settings["options"]["install_requires"].split() if row.lowest else []
    lowest = [line.replace(">=", "==") for line in lines if not line.startswith("torch")]
    return [f"torch=={row.torch}", f"torch-geometric=={row.pyg}", *lowest]


def copy_tests(target: Path) -> None:
    """Copies all files under git but the package."""
    for path in call("git", "ls-files", folder=ROOT).splitlines():
        if not path.startswith("graphkit/") and (ROOT / path).is_file():
            (target / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / path, target / path)


def check(row: Row) -> str:
    """Makes the environment of a row, tests it, and returns the row of the table."""
    folder = WORK / f"python{row.python}-torch{row.torch}{'-lowest' * row.lowest}"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    (folder / "pins.txt").write_text("\n".join(pins(row)) + "\n", encoding="utf-8")
    uv, python = Path(sys.executable).with_name("uv"), folder / "env/bin/python"
    call(uv, "venv", "-q", "--python", row.python, folder / "env")
    links = [option for name in ("dist", "dist/pure") for option in ("--find-links", str(ROOT / name))]
    options = ("-q", "--python", python, "--constraint", folder / "pins.txt", *links)
    call(uv, "pip", "install", *options, "pyg-graphkit[test]")

    report = json.loads(call(folder / "env/bin/graphkit", "doctor", "--json", folder=folder).splitlines()[-1])
    if report["backend"] != "native":
        raise Failure(f"doctor reports {report['backend']}: {report['operators'][0]['reason']}")
    call(folder / "env/bin/graphkit", "train", "--model", "gcn", "--dataset", "karate", folder=folder)
    call(folder / "env/bin/graphkit", "report", "runs/gcn-karate-001", folder=folder)

    copy_tests(folder / "tree")
    tests = [*(f"tests/{name}" for name in CORE), "--ignore=tests/ops/cuda"]
    # Other versions of PyG and torch warn of their own code: warnings are no errors here.
    line = [python, "-m", "pytest", "-n", "auto", "-W", "default", "-m", "not slow and not extended", *tests]
    with (folder / "pytest.txt").open("w", encoding="utf-8") as file:
        call(*line, folder=folder / "tree", accept=(0, 1), stdout=file)
    lines = (folder / "pytest.txt").read_text(encoding="utf-8").strip().splitlines()
    result = re.sub(r" in .*", "", lines[-1])
    versions = report["packages"]
    shown = [
        report["python"],
        versions["torch"],
        versions["torch-geometric"],
        versions["numpy"],
        report["backend"],
        "runs",
    ]
    return " | ".join([*shown, result, datetime.date.today().isoformat()])


def main(wanted: list[str]) -> int:
    """Runs the rows; returns 1 if one has failed."""
    WORK.mkdir(parents=True, exist_ok=True)
    failed = False
    for row in ROWS:
        if wanted and row.python not in wanted:
            continue
        try:
            line = check(row)
            failed |= " failed" in line or " error" in line
        except Failure as error:
            failed = True
            line = f"{row.python} | {row.torch} | {row.pyg} | | | | not run: {error} | {datetime.date.today()}"
        print(f"| {line} |", flush=True)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
