"""PyG's own tests of its layers, run with accelerated ones.

`PYG_TESTS` names the folder `test/nn/conv` of a source tree of PyG of the installed version.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
NAMES = [
    *("appnp", "cheb_conv", "edge_conv", "gat_conv", "gatv2_conv", "gcn_conv", "gin_conv", "graph_conv", "lg_conv"),
    *("message_passing", "pna_conv", "sage_conv", "sg_conv", "static_graph", "tag_conv", "transformer_conv"),
]

#: Tests that compare decomposed layers, which are not fused, with others to 1e-8.
ROUNDED = {"test_gcn_conv_with_decomposed_layers"}


def failures(files: list[str], *options: str) -> tuple[set[str], int]:
    """Returns the tests that fail, and how many pass."""
    command = [sys.executable, "-m", "pytest", "-q", "-n", "0", "-p", "no:cacheprovider", "--rootdir", ROOT, "-rf"]
    result = subprocess.run([*command, *options, *files], cwd=ROOT, capture_output=True, text=True)
    assert result.returncode in (0, 1), result.stdout + result.stderr
    passed = re.search(r"(\d+) passed", result.stdout)
    return set(re.findall(r"^FAILED \S*::(\S+)", result.stdout, re.MULTILINE)), int(passed[1]) if passed else 0


@pytest.mark.extended
def test_layers_pass_the_tests_of_pyg():
    folder = os.environ.get("PYG_TESTS")
    if not folder:
        pytest.skip("PYG_TESTS does not name the folder test/nn/conv of PyG's source tree")
    files = [str(path) for name in NAMES if (path := Path(folder) / f"test_{name}.py").exists()]
    assert files
    expected, _ = failures(files)
    failed, passed = failures(files, "-p", "tests.nn.accelerated_layers")
    print(f"{passed} tests of PyG in {len(files)} files pass; failures: {sorted(failed)}, without: {sorted(expected)}")
    assert failed - ROUNDED <= expected
    assert passed > 0
