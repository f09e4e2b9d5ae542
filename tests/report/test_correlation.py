import pytest
import torch

from graphkit.report import block_contrast, correlation_maps


def test_lines_part_the_blocks() -> None:
    figure = correlation_maps([torch.eye(8), torch.eye(6)], [4, 2], ["layer 1", "layer 2"])
    first, scale, second, _ = figure.axes
    assert sorted({line.get_xdata()[0] for line in first.get_lines()} - {0}) == [1.5, 3.5, 5.5]
    assert len(second.get_lines()) == 2
    assert [label.get_text() for label in first.get_xticklabels()] == [f"factor {i}" for i in range(4)]
    assert scale.get_ylabel() == "absolute correlation"


def test_contrast_of_blocks() -> None:
    values = torch.kron(torch.eye(2), torch.full((3, 3), 0.6)) + 0.2
    inside, outside = block_contrast(values, 2)
    assert (inside, outside) == pytest.approx((0.8, 0.2))
