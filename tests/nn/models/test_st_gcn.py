import pytest
import torch
from torch.nn import functional as F

from graphkit.nn import STGCN, STGCNConv, spatial_partition
from graphkit.registry import get_layout

DOUBLE = torch.float64
BONES = ((1, 0), (2, 0), (3, 2))


def test_neighbors_are_parted_by_their_distance_to_the_center() -> None:
    parts = spatial_partition(BONES, 4, center=0)
    # Joint 0 has the neighbors 1 and 2, joint 2 has 0 and 3; every column is divided by their number and one more.
    same = torch.diag(torch.tensor([1 / 3, 1 / 2, 1 / 3, 1 / 2]))
    nearer, farther = torch.zeros(4, 4), torch.zeros(4, 4)
    nearer[0, 1], nearer[0, 2], nearer[2, 3] = 1 / 2, 1 / 3, 1 / 2
    farther[1, 0], farther[2, 0], farther[3, 2] = 1 / 3, 1 / 3, 1 / 3
    torch.testing.assert_close(parts, torch.stack([same, nearer, farther]))
    layout = get_layout("ntu-25")
    total = spatial_partition(layout.edges, 25, layout.center).sum(dim=0)
    torch.testing.assert_close(total.sum(dim=0), torch.ones(25))


@pytest.mark.parametrize(
    ("in_channels", "out_channels", "stride", "shortcut"), [(3, 8, 1, False), (8, 8, 1, True), (8, 6, 2, True)]
)
@pytest.mark.parametrize("frames", [1, 4, 13])
def test_a_block_agrees_with_convolutions(
    in_channels: int, out_channels: int, stride: int, shortcut: bool, frames: int
) -> None:
    torch.manual_seed(0)
    conv = STGCNConv(in_channels, out_channels, spatial_partition(BONES, 4, 0), stride, shortcut).to(DOUBLE).eval()
    for parameter in conv.parameters():
        parameter.data = torch.randn_like(parameter)
    x = torch.randn(frames, 4, in_channels, dtype=DOUBLE)
    image = x.permute(2, 0, 1)[None]  # [1, C, T, V]
    y = sum(
        torch.einsum("nctu,uv->nctv", torch.einsum("nctu,cd->ndtu", image, w) + b.view(1, -1, 1, 1), a * m)
        for w, b, a, m in zip(conv.weight, conv.bias, conv.parts, conv.importance, strict=True)
    )

    def normed(norm: torch.nn.BatchNorm1d, z: torch.Tensor) -> torch.Tensor:
        return F.batch_norm(z, norm.running_mean, norm.running_var, norm.weight, norm.bias, False)

    kernel = conv.weight_time.permute(2, 1, 0).unsqueeze(3)
    z = F.conv2d(F.relu(normed(conv.norm_space, y)), kernel, conv.bias_time, (stride, 1), (4, 0))
    expected = normed(conv.norm_time, z)
    if shortcut:
        past = image[:, :, ::stride]
        if conv.projects:
            past = normed(conv.norm_shortcut, torch.einsum("nctv,cd->ndtv", past, conv.weight_shortcut))
        expected = expected + past
    torch.testing.assert_close(conv(x), F.relu(expected)[0].permute(1, 2, 0))


def test_clips_of_any_length_do_not_see_each_other() -> None:
    model = STGCN(3, 5, "coco-17", 2, (8, 12), (1, 2)).to(DOUBLE).eval()
    lengths = [5, 1, 8, 3]
    x = torch.randn(17, 2, 17, 3, dtype=DOUBLE)
    together = model(x, lengths)
    for clip, out in zip(x.split(lengths), together, strict=True):
        torch.testing.assert_close(model(clip, [len(clip)])[0], out)
        torch.testing.assert_close(model(clip.permute(3, 0, 2, 1)[None])[0], out)
    model.train()(x, lengths).square().sum().backward()
    assert all(p.grad is not None and bool(p.grad.isfinite().all()) for p in model.parameters())


def test_it_has_the_published_size() -> None:
    # 3.1 million parameters for NTU RGB+D.
    assert 3_050_000 < sum(parameter.numel() for parameter in STGCN().parameters()) < 3_150_000


def test_wrong_arguments_are_refused() -> None:
    parts = spatial_partition(BONES, 4, 0)
    with pytest.raises(ValueError, match=r"`parts` must be \[K, V, V\] \(got \[3, 4, 2\]\)"):
        STGCNConv(3, 8, parts[..., :2])
    with pytest.raises(ValueError, match=r"`window` must be odd and `stride` at least 1 \(got 8 and 1\)"):
        STGCNConv(3, 8, parts, window=8)
    with pytest.raises(ValueError, match=r"`x` must be \[F, 4 joints, 3 channels\] \(got \[2, 4, 5\]\)"):
        STGCNConv(3, 8, parts)(torch.rand(2, 4, 5))
    with pytest.raises(ValueError, match=r"as many widths as numbers of blocks, all at least 1 \(got \[8\] and \[\]\)"):
        STGCN(channels=(8,), blocks=())
    with pytest.raises(ValueError, match=r"`dropout` must lie in \[0, 1\) \(got -0.1\)"):
        STGCN(dropout=-0.1)
    assert repr(STGCNConv(3, 8, parts)) == "STGCNConv(3, 8, joints=4, stride=1)"
