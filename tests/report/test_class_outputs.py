"""Calibration and projection of the outputs of a classifier."""

from pathlib import Path

import pytest
import torch

from graphkit.experiments import open_run
from graphkit.report import collect
from graphkit.report.class_outputs import POINTS, calibration, class_outputs_picture, projection


def test_calibration_of_two_bins() -> None:
    probability = torch.tensor([[0.95, 0.05], [0.95, 0.05], [0.35, 0.65], [0.35, 0.65]])
    result = calibration(probability, torch.tensor([0, 1, 1, 1]))
    assert result.items.tolist() == [0, 0, 0, 0, 0, 0, 2, 0, 0, 2]
    assert result.accuracy[[6, 9]].tolist() == [1.0, 0.5]
    assert result.confidence[[6, 9]].tolist() == pytest.approx([0.65, 0.95])
    assert result.error == pytest.approx(0.5 * 0.35 + 0.5 * 0.45)


def test_a_confidence_of_one_is_in_the_last_bin() -> None:
    result = calibration(torch.eye(3), torch.arange(3))
    assert result.items[-1] == 3 and result.error == 0


def test_projection_has_the_largest_variance_and_a_fixed_sign() -> None:
    output = torch.randn(200, 5, generator=torch.Generator().manual_seed(0)) * torch.tensor([0.1, 5.0, 0.2, 2.0, 0.1])
    points, shares = projection(output)
    centered = output.double() - output.double().mean(0)
    torch.testing.assert_close(points[:, 0].var() / centered.var(dim=0).sum(), shares[0])
    assert float(points[:, 0] @ centered[:, 1]) > 0 and float(points[:, 1] @ centered[:, 3]) > 0
    torch.testing.assert_close(projection(-output)[0], -points)


def test_equal_outputs_are_drawn() -> None:
    output = torch.zeros(4, 3)
    y = torch.tensor([0, 1, 2, 0])
    axes = class_outputs_picture(output, calibration(output.softmax(1), y), y, ["a", "b", "c"]).axes
    assert [text.get_text() for text in axes[1].get_legend().get_texts()] == ["a", "b", "c"]
    assert len(axes[0].patches) == 1


def test_many_items_are_thinned_out() -> None:
    output, y = torch.randn(3 * POINTS, 2), torch.zeros(3 * POINTS).long()
    axis = class_outputs_picture(output, calibration(output.softmax(1), y), y).axes[1]
    assert sum(len(points.get_offsets()) for points in axis.collections) == POINTS


def test_outputs_of_a_run_give_its_score(plain_run: Path) -> None:
    run = open_run(plain_run)
    output, probability, y = collect.class_outputs(run)
    torch.testing.assert_close(probability, output.softmax(1))
    assert float((output.argmax(1) == y).double().mean()) == pytest.approx(run.result["test"]["mean"])
