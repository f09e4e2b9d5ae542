from pathlib import Path

import pytest
import torch
from torch import Tensor

from graphkit import ops

SWITCH = Path("/sys/kernel/mm/transparent_hugepage/enabled")
HUGE_PAGE = 2**21


def advised_bytes(t: Tensor) -> int:
    """Returns how much of the memory of a tensor may be in huge pages."""
    total, inside = 0, 0
    for line in Path("/proc/self/smaps").read_text().splitlines():
        head, *rest = line.split()
        if "-" in head and not head.endswith(":"):
            begin, end = (int(number, 16) for number in head.split("-"))
            inside = max(0, min(end, t.data_ptr() + t.nbytes) - max(begin, t.data_ptr()))
        elif head == "VmFlags:" and "hg" in rest:
            total += inside
    return total


@pytest.fixture
def huge_pages(native) -> None:
    """Skips a test where the system has no huge pages on request."""
    if not SWITCH.exists() or "[never]" in SWITCH.read_text():
        pytest.skip("the system has no transparent huge pages")


@pytest.mark.parametrize("backward", [False, True])
@pytest.mark.parametrize("name", ["segment_softmax", "aggregate", "edge_scores"])
def test_large_results_and_gradients_ask_for_huge_pages(huge_pages, name, backward):
    x, edges = torch.randn(2**17, 32, requires_grad=True), torch.arange(2**17).expand(2, -1)
    calls = {
        "segment_softmax": lambda: ops.segment_softmax(x, torch.tensor([0, 2**16, 2**17])),
        "aggregate": lambda: ops.aggregate(x, edges),
        "edge_scores": lambda: ops.factor_aggregate(x, x.new_ones(2**17, 1), x.new_ones(2**17, 1), edges),
    }
    out = calls[name]()
    if backward:
        (out,) = torch.autograd.grad(out, x, torch.ones_like(out))
    assert out.nbytes >= advised_bytes(out) > out.nbytes - 2 * HUGE_PAGE
