import pytest
import torch

from graphkit.nn import GCN, STIGCN, fold_norms

LENGTHS = [5, 1, 9, 4]


@pytest.fixture
def model() -> STIGCN:
    """A small model whose norms have seen data and whose weights are not those of the start."""
    torch.manual_seed(0)
    model = STIGCN(3, 5, "coco-17", 2, (8, 12), (2, 1))
    for name, value in model.state_dict().items():
        if value.is_floating_point() and "supports" not in name:
            value.add_(0.3 * torch.rand_like(value))
    return model.eval()


def clips() -> torch.Tensor:
    return torch.randn(sum(LENGTHS), 2, 17, 3, generator=torch.Generator().manual_seed(1))


def test_a_folded_model_gives_the_same_numbers_and_leaves_the_other_alone(model: STIGCN) -> None:
    x, before = clips(), {name: value.clone() for name, value in model.state_dict().items()}
    folded = fold_norms(model)
    expected, matrices = model(x, LENGTHS, return_attention=True)
    out, same = folded(x, LENGTHS, return_attention=True)
    scale = float(expected.detach().abs().max())
    torch.testing.assert_close(out, expected, atol=1e-5 * scale, rtol=1e-5)
    for one, other in zip(same, matrices, strict=True):
        torch.testing.assert_close(one, other, atol=1e-5, rtol=1e-5)
    image = x[:5].permute(3, 0, 2, 1)[None]
    torch.testing.assert_close(folded(image), model(image), atol=1e-5 * scale, rtol=1e-5)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert not any(parameter.requires_grad for parameter in folded.parameters())
    assert "FoldedSTInceptionConv(3, 8, joints=17, supports=4, torch.float32)" in repr(folded)


def test_bfloat16_is_close_and_ends_in_float32(model: STIGCN) -> None:
    folded = fold_norms(model, torch.bfloat16)
    assert folded.first.weight_in.dtype == torch.float32  # coordinates have more digits than bfloat16 does
    assert folded.stages[0][0].weight_in.dtype == torch.bfloat16
    with torch.no_grad():
        expected, out = model(clips(), LENGTHS), folded(clips(), LENGTHS)
    assert out.dtype == torch.float32
    assert float((out - expected).abs().max()) < 0.03 * float(expected.abs().max())


def test_one_block_by_itself_can_be_folded(model: STIGCN) -> None:
    block = model.stages[0][0]
    x = torch.randn(6, 17, 8)
    torch.testing.assert_close(block.folded()(x), block(x), atol=1e-5, rtol=1e-5)


def test_a_model_without_such_layers_is_refused() -> None:
    with pytest.raises(ValueError, match="no layer of GCN can be folded; only models of clips have such layers"):
        fold_norms(GCN(3, 2))
