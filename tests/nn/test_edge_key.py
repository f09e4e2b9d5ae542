import pytest
import torch

from graphkit.nn.edge_key import edge_key, merge_pairs

LARGE = 4_000_000_000


@pytest.mark.parametrize(
    "pairs",
    [
        torch.tensor([[40000, 0], [0, 40000], [7296, 21475], [21475, 7296], [40000, 0]], dtype=torch.int32),
        torch.tensor([[LARGE, 1], [1, LARGE], [LARGE, LARGE - 1], [LARGE, 1], [0, 0]]),
        torch.tensor([[2**62, 2**62], [2**62, 0], [0, 2**62], [2**62, 0]]),
        torch.empty(0, 2, dtype=torch.int32),
    ],
)
def test_pairs_are_told_apart_and_sorted(pairs: torch.Tensor) -> None:
    major, minor = pairs.t()
    expected = sorted(set(map(tuple, pairs.tolist())))
    first, which = merge_pairs(major, minor)
    assert list(map(tuple, pairs[first].tolist())) == expected
    assert [expected[index] for index in which.tolist()] == list(map(tuple, pairs.tolist()))
    key = edge_key(major, minor)
    assert key.dtype == torch.int64 and list(map(tuple, pairs[key.argsort()].tolist())) == sorted(
        map(tuple, pairs.tolist())
    )
