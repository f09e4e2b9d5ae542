import pytest
import torch

from graphkit.errors import InputError
from graphkit.export.plain import plain_form
from graphkit.nn import GCN, STGCN, STIGCN


def trained(cls: type, persons: int) -> torch.nn.Module:
    """A small model whose norms have seen data and whose weights are not those of the start."""
    torch.manual_seed(0)
    model = cls(3, 5, "coco-17", persons, (8, 12), (2, 1))
    for name, value in model.state_dict().items():
        if value.is_floating_point() and not name.endswith(("supports", "parts")):
            value.add_(0.2 * torch.rand_like(value))
    return model.eval()


@pytest.mark.parametrize("cls", [STIGCN, STGCN])
@pytest.mark.parametrize("persons", [1, 2])
def test_the_plain_form_gives_the_same_numbers_and_leaves_the_model_alone(cls: type, persons: int) -> None:
    model = trained(cls, persons)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    plain = plain_form(model)
    for count, frames in ((1, 8), (3, 13)):
        x = torch.randn(count, 3, frames, 17, persons, generator=torch.Generator().manual_seed(count))
        expected = model(x)
        torch.testing.assert_close(plain(x), expected, atol=1e-5 * float(expected.detach().abs().max()), rtol=1e-5)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert not list(plain.parameters()) and not any("Norm" in type(module).__name__ for module in plain.modules())


@pytest.mark.parametrize("cls", [STIGCN, STGCN])
def test_short_clips_give_the_same_numbers(cls: type) -> None:
    torch.manual_seed(0)
    model = cls(3, 5, "coco-17", 1, (8, 8, 8, 8), (1, 1, 1, 1)).eval()
    plain = plain_form(model)
    for frames in range(1, 18):
        x = torch.randn(2, 3, frames, 17, 1)
        torch.testing.assert_close(plain(x), model(x), atol=1e-5, rtol=1e-5)
    for shape in ((2, 3, 0, 17, 1), (2, 3, 5, 18, 1), (2, 4, 5, 17, 1), (2, 3, 5, 17)):
        with pytest.raises(InputError, match="`x` must be"):
            plain(torch.randn(shape))


@pytest.mark.parametrize("cls", [STIGCN, STGCN])
def test_no_operator_of_graphkit_is_left_in_the_graph(cls: type) -> None:
    program = torch.export.export(plain_form(trained(cls, 1)), (torch.randn(2, 3, 16, 17, 1),))
    used = {str(node.target) for node in program.graph.nodes if node.op == "call_function"}
    assert "aten.conv2d.default" in used and not any("graphkit" in name or "norm" in name for name in used)


def test_a_model_without_a_plain_form_is_refused() -> None:
    with pytest.raises(ValueError, match="only STGCN, STIGCN have a plain form that can be exported .got GCN."):
        plain_form(GCN(3, 2))
