import copy

import pytest
import torch
from torch.nn import functional as F

from graphkit.nn import DynamicEdgeConv

BATCH = torch.repeat_interleave(torch.arange(3), torch.tensor([9, 1, 14]))


def plain(conv: DynamicEdgeConv, norm: torch.nn.BatchNorm1d, x: torch.Tensor, edges: torch.Tensor) -> torch.Tensor:
    """With a row per edge."""
    row, col = edges.as_tensor()
    message = F.leaky_relu(norm(conv.lin_target(x[col]) + conv.lin_source(x[row] - x[col])), 0.2)
    index = col[:, None].expand_as(message)
    return torch.zeros(x.size(0), message.size(1), dtype=x.dtype).scatter_reduce(
        0, index, message, "amax", include_self=False
    )


@pytest.mark.parametrize("training", [True, False])
def test_equals_the_form_with_a_row_per_edge(training):
    torch.manual_seed(0)
    conv = DynamicEdgeConv(3, 8, k=4).double()
    with torch.no_grad():
        conv.norm.weight.normal_()  # some of them negative: there the smallest sum becomes the largest
        conv.norm.bias.normal_()
        conv.norm.running_mean.normal_()
        conv.norm.running_var.uniform_(0.5, 2)
    norm = torch.nn.BatchNorm1d(8).double()
    norm.load_state_dict(conv.norm.state_dict())
    conv.train(training), norm.train(training)
    x = (torch.randn(24, 3).double() * 2 + 5).requires_grad_()
    out, edges = conv(x, BATCH)
    expected = plain(conv, norm, x, edges)
    torch.testing.assert_close(out, expected)
    assert not out[9].any()  # a cloud of one point has no neighbors
    for name, value in norm.named_buffers():
        torch.testing.assert_close(conv.norm.get_buffer(name), value)
    grad = torch.randn_like(out)
    ours = torch.autograd.grad(
        out, [x, conv.lin_target.weight, conv.lin_source.weight, conv.norm.weight, conv.norm.bias], grad
    )
    theirs = torch.autograd.grad(
        expected, [x, conv.lin_target.weight, conv.lin_source.weight, norm.weight, norm.bias], grad
    )
    for one, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(one, other)


def test_neighbors_are_those_of_the_features_given():
    conv = DynamicEdgeConv(1, 2, k=1)
    _, edges = conv(torch.tensor([[0.0], [1.0], [10.0], [11.5]]))
    assert edges.as_tensor().tolist() == [[1, 0, 3, 2], [0, 1, 2, 3]]


def test_widths_must_be_positive():
    with pytest.raises(ValueError, match="`k` must be at least 1"):
        DynamicEdgeConv(3, 4, k=0)


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("offset", [0.0, 1e2, 3e3, 1e5])
def test_a_cloud_far_from_the_origin_loses_no_more_digits_than_its_points(offset: float, training: bool) -> None:
    torch.manual_seed(1)
    x = torch.randn(60, 3) + offset
    x[30:] += offset  # two clouds at different places
    batch = torch.arange(60) // 30
    conv = DynamicEdgeConv(3, 8, k=5)
    with torch.no_grad():
        conv.norm.running_mean.copy_(conv.lin_target(torch.full((3,), offset)))
    exact = copy.deepcopy(conv).double()
    out, expected = (layer.train(training)(points, batch)[0] for layer, points in ((conv, x), (exact, x.double())))
    assert float((out - expected).detach().abs().max()) < 2e-3 * max(1.0, offset / 1e3)
    if training:
        torch.testing.assert_close(conv.norm.running_var.double(), exact.norm.running_var, rtol=1e-3, atol=1e-3)


def test_a_channel_that_depends_on_differences_only_keeps_its_variance() -> None:
    conv = DynamicEdgeConv(3, 4, k=4)
    with torch.no_grad():
        conv.lin_target.weight.zero_()
    exact, x = copy.deepcopy(conv).double(), torch.randn(80, 3) + 1000
    torch.testing.assert_close(conv(x)[0].double(), exact(x.double())[0], rtol=1e-2, atol=1e-2)
