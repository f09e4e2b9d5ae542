import pytest
import torch

from graphkit.nn import PackedClips, STInceptionConv, skeleton_supports
from tests.nn.golden_stigcn import ATTENTION, BONES, DOUBLE, SPACE, TIME, X


def worked(polynomial: str) -> STInceptionConv:
    """The worked example's block, with both fusions switched off."""
    conv = STInceptionConv(1, 4, skeleton_supports(BONES, 4, polynomial), shortcut=False).to(DOUBLE).eval()
    values = {
        "weight_embed": [[[1.0], [0.5]]],
        "bias_embed": [[0.1], [-0.2]],
        "weight_branch": torch.ones(1, 4, 1),
        "weight_window": torch.tensor([1.0, 2.0, 3.0]).view(1, 1, 3, 1).expand(1, 2, 3, 2),
        "adapt": torch.zeros(4, 4, 4),
        "rho": [0.5],
        "weight_space": torch.zeros(4, 4),
        "weight_time": torch.zeros(4, 4),
    }
    for name, value in values.items():
        getattr(conv, name).data = torch.as_tensor(value, dtype=DOUBLE)
    for norm in (conv.norm_branch, conv.norm_window, conv.norm_space, conv.norm_time):
        norm.weight.data.fill_(1.0)
    return conv


def test_attention_agrees_with_the_worked_example() -> None:
    conv = worked("matrix")
    embedded = torch.stack([X + 0.1, 0.5 * X - 0.2], dim=2).unsqueeze(3)
    attention = conv.attention(embedded, PackedClips.regular(1, 2))
    torch.testing.assert_close(attention, ATTENTION[None, None], atol=1e-6, rtol=0)
    _, matrices = conv(X.unsqueeze(2), return_attention=True)
    expected = skeleton_supports(BONES, 4).to(DOUBLE) + 0.5 * ATTENTION
    torch.testing.assert_close(matrices, expected[None], atol=1e-6, rtol=0)


@pytest.mark.parametrize("polynomial", ["matrix", "elementwise"])
def test_spatial_path_agrees_with_the_worked_example(polynomial: str) -> None:
    conv = worked(polynomial)
    conv.weight_space.data = torch.eye(4, dtype=DOUBLE)
    expected = torch.tensor(SPACE[polynomial], dtype=DOUBLE).permute(1, 2, 0)
    # The supports are float32 here, which is exact for all but the fourth.
    torch.testing.assert_close(conv(X.unsqueeze(2)), expected, atol=1e-6, rtol=0)


def test_temporal_path_agrees_with_the_worked_example() -> None:
    conv = worked("matrix")
    conv.weight_time.data[[0, 2], [0, 1]] = 1.0
    expected = torch.tensor(TIME, dtype=DOUBLE).permute(1, 2, 0)
    torch.testing.assert_close(conv(X.unsqueeze(2))[..., :2], expected, atol=1e-6, rtol=0)


@pytest.mark.parametrize(("in_channels", "shortcut"), [(8, True), (3, True), (3, False)])
def test_sequences_of_a_batch_do_not_see_each_other(in_channels: int, shortcut: bool) -> None:
    conv = STInceptionConv(in_channels, 8, skeleton_supports(BONES, 4), shortcut).to(DOUBLE).eval()
    for parameter in conv.parameters():
        parameter.data = torch.randn_like(parameter)
    lengths = [3, 1, 5]
    x = torch.randn(9, 4, in_channels, dtype=DOUBLE)
    together, matrices = conv(x, PackedClips.from_lengths(lengths), return_attention=True)
    alone = [conv(clip, return_attention=True) for clip in x.split(lengths)]
    torch.testing.assert_close(together, torch.cat([out for out, _ in alone]))
    torch.testing.assert_close(matrices, torch.cat([matrix for _, matrix in alone]))
    conv.train()
    conv(x, PackedClips.from_lengths(lengths)).square().sum().backward()
    assert all(p.grad is not None and bool(p.grad.isfinite().all()) for p in conv.parameters())


def test_with_a_shortcut_a_new_block_is_close_to_it() -> None:
    conv = STInceptionConv(8, 8, skeleton_supports(BONES, 4))
    x = torch.rand(6, 4, 8)
    torch.testing.assert_close(conv(x), x, atol=1e-4, rtol=0)
    before = conv.weight_branch.clone()
    conv.reset_parameters()
    assert not torch.equal(before, conv.weight_branch)
    assert repr(conv) == "STInceptionConv(8, 8, joints=4, supports=4)"
    assert "shortcut=False" in repr(STInceptionConv(3, 8, skeleton_supports(BONES, 4), shortcut=False))


def test_what_does_not_fit_is_refused() -> None:
    supports = skeleton_supports(BONES, 4)
    with pytest.raises(ValueError, match=r"`supports` must be \[K, V, V\] \(got \[4, 4, 3\]\)"):
        STInceptionConv(3, 8, supports[..., :3])
    with pytest.raises(ValueError, match=r"divisible by the number of supports, 4 \(got 6\); choose another width"):
        STInceptionConv(3, 6, supports)
    with pytest.raises(ValueError, match=r"`x` must be \[F, 4 joints, 3 channels\] \(got \[2, 5, 3\]\)"):
        STInceptionConv(3, 8, supports)(torch.rand(2, 5, 3))
