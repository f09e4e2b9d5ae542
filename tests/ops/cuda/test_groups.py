"""What the CUDA kernels are told of groups: the check on the device, and the grouping of edges."""

import pytest
import torch

from graphkit.ops._cuda_groups import group_edges, group_paths, transpose_edges
from tests.ops.cuda.emulated import Emulator, groups


def find(
    gpu: Emulator,
    ptr: list[int],
    rows: int,
    other: list[int] | None = None,
    bound: int = 0,
    narrow: list[int] | None = None,
    captured: bool = False,
) -> tuple[bool, bool]:
    flags = torch.full((2,), 7, dtype=torch.uint8)
    table = groups(torch.tensor(ptr), rows, 4)
    first = None if other is None else (torch.tensor(other), None, len(other), bound)
    second = None if narrow is None else (None, torch.tensor(narrow, dtype=torch.int32), len(narrow), bound)
    scratch = torch.full((2,), 9, dtype=torch.int32)
    gpu("graphkit_find_groups", table, first, second, scratch, torch.empty(1) if captured else None, flags)
    return bool(flags[0]), bool(flags[1])


def test_sound_groups_and_whether_any_is_long(gpu: Emulator) -> None:
    assert find(gpu, [0], 0) == (True, False)
    assert find(gpu, [0, 0, 4, 8, 8], 8) == (True, False)
    assert find(gpu, [0, 0, 5, 8, 8], 8) == (True, True)
    assert find(gpu, [*range(0, 1200, 2), 1205], 1205) == (True, True)  # more than one block of threads looks at


@pytest.mark.parametrize(
    "ptr", [[1, 4, 8], [0, 4, 7], [0, 4, 9], [0, 5, 4, 8], [0, -1, 8], [0, 2**62, 8], [0, -(2**62), 8], [8], [0]]
)
def test_unsound_groups(gpu: Emulator, ptr: list[int]) -> None:
    assert not find(gpu, ptr, 8)[0]


def test_edges_that_name_no_node(gpu: Emulator) -> None:
    assert find(gpu, [0, 2, 4], 4, other=[0, 1, 1, 0], bound=2)[0]
    for wrong in (2, -1, 2**62, -(2**62)):
        assert not find(gpu, [0, 2, 4], 4, other=[0, 1, wrong, 0], bound=2)[0]
    assert find(gpu, [0], 0, other=[1], narrow=[1, 0], bound=2)[0]
    for wrong in (2, -1, 2**31 - 1, -(2**31)):
        assert not find(gpu, [0], 0, narrow=[1, wrong], bound=2)[0]


def test_a_captured_stream_is_not_waited_for(gpu: Emulator) -> None:
    assert find(gpu, [5, 3], 8, captured=True) == (True, True)


@pytest.mark.parametrize("nodes, count", [(7, 40), (1, 5), (300, 900), (4, 0), (0, 0)])
def test_edges_are_grouped_as_the_cpu_operator_groups_them(native: None, nodes: int, count: int) -> None:
    edge_index = torch.randint(max(nodes, 1), (2, count), generator=torch.Generator().manual_seed(nodes))
    ptr, row = group_edges(edge_index[1], edge_index[0], nodes)
    expected = torch.ops.graphkit.group_edges(edge_index[1], edge_index[0], nodes)
    assert torch.equal(ptr, expected[0]) and torch.equal(row, expected[1])
    for ours, other in zip(transpose_edges(ptr, row), torch.ops.graphkit.transpose_edges(ptr, row), strict=True):
        assert torch.equal(ours, other)


@pytest.mark.parametrize("nodes, count", [(7, 40), (30, 5), (4, 0)])
def test_paths_are_grouped_as_the_cpu_operator_groups_them(native: None, nodes: int, count: int) -> None:
    path_index = torch.randint(nodes, (3, count), generator=torch.Generator().manual_seed(nodes))
    for ours, other in zip(
        group_paths(path_index, nodes), torch.ops.graphkit.group_paths(path_index, nodes), strict=True
    ):
        assert ours.dtype == other.dtype and torch.equal(ours, other)
    with pytest.raises(RuntimeError, match="has an invalid node id"):
        group_paths(torch.tensor([[0], [nodes]]), nodes)


def test_edges_beyond_the_nodes_are_an_error() -> None:
    good = torch.tensor([0, 1, 2])
    for bad in (torch.tensor([0, 3, 1]), torch.tensor([0, -1, 1])):
        for index, other in ((good, bad), (bad, good)):
            with pytest.raises(RuntimeError, match="has an invalid node id"):
                group_edges(index, other, 3)
    with pytest.raises(RuntimeError, match="has an invalid node id"):
        transpose_edges(torch.tensor([1, 3, 3]), good[:2] * 0)
