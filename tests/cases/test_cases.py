"""Small inputs that were once read wrong, computed wrong or refused badly, each with the right value.

Each ``NN_name.py`` of this folder is a script: it prints one line that starts with ``ok``, ``WRONG`` or ``skip``, and
can be run by itself.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

FOLDER = Path(__file__).parent
CASES = sorted(FOLDER.glob("[0-9]*.py"))
SECONDS = 180

pytestmark = pytest.mark.extended


@pytest.fixture(scope="module")
def server() -> Iterator[subprocess.Popen[str]]:
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-W", "ignore", "-m", "tests.cases.server"]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=FOLDER.parents[1], env=environment
    ) as process:
        yield process
        assert process.stdin is not None
        process.stdin.close()


@pytest.mark.parametrize("path", CASES, ids=[path.stem for path in CASES])
def test_case(path: Path, server: subprocess.Popen[str], tmp_path: Path) -> None:
    assert server.stdin is not None and server.stdout is not None
    server.stdin.write(json.dumps({"path": str(path), "folder": str(tmp_path), "seconds": SECONDS}) + "\n")
    server.stdin.flush()
    answer = json.loads(server.stdout.readline())
    verdicts = [line for line in answer["output"].splitlines() if line.startswith(("ok", "WRONG", "skip"))]
    assert answer["code"] == 0 and verdicts, answer["output"][-2000:]
    if verdicts[-1].startswith("skip"):
        pytest.skip(verdicts[-1])
    assert verdicts[-1].startswith("ok"), verdicts[-1]
