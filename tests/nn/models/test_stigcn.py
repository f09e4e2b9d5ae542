import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest
import torch

from graphkit.nn import STIGCN, stigcn_weights
from graphkit.skeleton import SkeletonLayout

DOUBLE = torch.float64
SMALL = {"num_classes": 5, "layout": "coco-17", "channels": (8, 16), "blocks": (1, 2)}


@pytest.fixture(scope="module")
def plain() -> ModuleType:
    """The straightforward form that the benchmark measures against."""
    path = Path(__file__).parents[3] / "benchmarks" / "models" / "plain_stigcn.py"
    spec = importlib.util.spec_from_file_location("plain_stigcn", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("options", "count"),
    [({}, 1_596_474), ({"num_classes": 120}, 1_611_894), ({"num_classes": 400, "layout": "openpose-18"}, 1_671_730)],
)
def test_has_the_published_size(options: dict, count: int) -> None:
    assert sum(parameter.numel() for parameter in STIGCN(**options).parameters()) == count


@pytest.mark.parametrize("persons", [1, 2])
@pytest.mark.parametrize("training", [True, False])
def test_agrees_with_the_straightforward_form(plain: ModuleType, persons: int, training: bool) -> None:
    torch.manual_seed(0)
    other = plain.PlainSTIGCN(3, 5, "nw-ucla-20", persons, widths=(8, 12)).to(DOUBLE).train(training)
    for value in other.state_dict().values():
        if value.is_floating_point():
            value.add_(torch.rand_like(value))
    model = STIGCN(3, 5, "nw-ucla-20", persons, (8, 12), (3, 3), dropout=0.0, polynomial="elementwise").to(DOUBLE)
    model.load_state_dict(
        stigcn_weights(model, {f"module.{name}": value for name, value in other.state_dict().items()})
    )
    # The form has its supports in float32, as the model had before it became a double.
    x = torch.randn(3, 3, 9, 20, persons, dtype=DOUBLE)
    got, expected = model.train(training)(x), other(x)
    torch.testing.assert_close(got, expected)
    got.square().sum().backward()
    expected.square().sum().backward()
    grads = {name: parameter.grad for name, parameter in other.named_parameters()}
    kernel = grads["layer2.0.temporal.branches.1.conv.weight"].squeeze(3).permute(1, 2, 0)
    torch.testing.assert_close(model.stages[1][0].weight_window.grad[:, 1], kernel)
    torch.testing.assert_close(model.stages[0][1].adapt.grad[2], grads["layer1.1.spatial.PA3"])
    torch.testing.assert_close(model.norm_data.weight.grad, grads["data_bn.bn.weight"])


@pytest.mark.parametrize("persons", [1, 2])
def test_clips_of_any_length_do_not_see_each_other(persons: int) -> None:
    model = STIGCN(2, num_persons=persons, **SMALL).to(DOUBLE).eval()
    lengths = [5, 1, 8, 3]
    x = torch.randn(17, persons, 17, 2, dtype=DOUBLE)
    together, attention = model(x, lengths, return_attention=True)
    assert [tuple(matrix.shape) for matrix in attention] == [(4 * persons, 4, 17, 17)] * 4
    for clip, out in zip(x.split(lengths), together, strict=True):
        torch.testing.assert_close(model(clip, [len(clip)])[0], out)
        torch.testing.assert_close(model(clip.permute(3, 0, 2, 1)[None])[0], out)
    assert torch.equal(together, model(x, torch.tensor(lengths)))


def test_gradients_reach_all_parameters_and_weights_can_be_drawn_anew() -> None:
    model = STIGCN(layout=SkeletonLayout.from_edges([(1, 0), (2, 1)]), channels=(8,), blocks=(1,), num_classes=3)
    model(torch.randn(4, 3, 6, 3, 2)).square().sum().backward()
    assert all(p.grad is not None and bool(p.grad.isfinite().all()) for p in model.parameters())
    before = model.state_dict()["first.weight_branch"].clone()
    model.reset_parameters()
    assert not torch.equal(before, model.first.weight_branch)


@pytest.mark.parametrize(
    ("shape", "lengths", "message"),
    [
        ((2, 3, 4, 20, 2), None, "with 17 joints (got 20 in [2, 3, 4, 20, 2]); make the model with the `layout` of"),
        ((2, 3, 4, 17, 1), None, "with 2 persons (got 1 in [2, 3, 4, 17, 1]); make the model with the `num_persons`"),
        ((2, 4, 9, 17, 2), None, "with 3 channels (got 4 in [2, 4, 9, 17, 2]); make the model with the `in_channels`"),
        ((4, 9, 17, 3, 2), None, "if its axes are in another order, try x.permute(0, 3, 1, 2, 4)"),
        ((4, 9, 2, 17, 3), None, "if its axes are in another order, try x.permute(0, 4, 1, 3, 2)"),
        ((9, 2, 17, 3), None, "2 persons] (got [9, 2, 17, 3]); give the `lengths` of the clips if their frames"),
        ((2, 3, 4, 17, 2), [4, 4], "leave `lengths` out for clips in [batch, channels, frames, joints, persons]"),
        ((9, 17, 2, 3), [9], "if its axes are in another order, try x.permute(0, 2, 1, 3)"),
        ((9, 2, 17, 3), [4, 4], "`lengths` must add up to the frames in `x`, 9 (got 8)"),
        ((9, 2, 17, 3), [9, 0], "`lengths` must give each sequence at least one frame (got 0 for sequence 1)"),
        ((2, 3, 0, 17, 2), None, "with at least one frame (got [2, 3, 0, 17, 2])"),
    ],
)
def test_clips_that_do_not_fit_are_refused(shape: tuple, lengths: list | None, message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        STIGCN(**SMALL)(torch.zeros(shape), lengths)


def test_other_wrong_arguments_are_refused(plain: ModuleType) -> None:
    with pytest.raises(ValueError, match=r"`x` must hold floating-point numbers \(got torch.int64\)"):
        STIGCN(**SMALL)(torch.zeros(2, 3, 4, 17, 2, dtype=torch.long))
    with pytest.raises(ValueError, match=r"widths as numbers of blocks, all at least 1 \(got \[8\] and \[1, 0\]"):
        STIGCN(channels=(8,), blocks=(1, 0))
    with pytest.raises(ValueError, match=r"`dropout` must lie in \[0, 1\) \(got 1.0\)"):
        STIGCN(dropout=1.0)
    with pytest.raises(ValueError, match=r"`num_persons` must be at least 1 \(got 0\)"):
        STIGCN(num_persons=0)
    weights = plain.PlainSTIGCN(3, 5, "nw-ucla-20", 1, widths=(8, 12)).state_dict()
    for model, released, message in (
        (STIGCN(3, 6, "nw-ucla-20", 1, (8, 12), (3, 3)), weights, r"'classifier.weight' must have shape \(6, 12\)"),
        (STIGCN(3, 5, "nw-ucla-20", 1, (8, 12), (3, 4)), weights, "the checkpoint has no 'layer2.3.spatial.CA.proj1"),
        (STIGCN(3, 5, "nw-ucla-20", 1, (8, 12), (3, 3)), {**weights, "more": weights["fc.bias"]}, "does not: 'more'"),
    ):
        with pytest.raises(ValueError, match=message):
            stigcn_weights(model, released)
