import pytest
import torch

from graphkit.nn import skeleton_supports
from graphkit.nn.skeleton_supports import bone_matrices
from graphkit.skeleton import get_layout
from tests.nn.golden_stigcn import BONE, BONES, DOUBLE, FOURTH, NTU_FOURTH, NTU_SECOND, SECOND


@pytest.fixture(autouse=True)
def double() -> object:
    torch.set_default_dtype(DOUBLE)
    yield
    torch.set_default_dtype(torch.float32)


@pytest.mark.parametrize("polynomial", ["matrix", "elementwise"])
def test_agrees_with_the_worked_example(polynomial: str) -> None:
    supports = skeleton_supports(BONES, 4, polynomial)
    expected = [torch.eye(4), BONE, torch.tensor(SECOND[polynomial]), torch.tensor(FOURTH[polynomial])]
    torch.testing.assert_close(supports, torch.stack(expected), atol=1e-6, rtol=0)


@pytest.mark.parametrize("polynomial", ["matrix", "elementwise"])
def test_agrees_with_the_checksums_of_ntu(polynomial: str) -> None:
    _, bone, second, fourth = skeleton_supports(get_layout("ntu-25").edges, 25, polynomial)
    assert (float(bone.sum()), float(bone.abs().sum())) == (1.0, 49.0)
    sums = [float(value) for value in (second.sum(), second.abs().sum(), second.trace(), second.square().sum())]
    assert sums == pytest.approx(NTU_SECOND[polynomial])
    extremes = [float(value) for value in (fourth.trace(), fourth.max(), fourth.min())]
    assert extremes == pytest.approx(NTU_FOURTH[polynomial], abs=1e-6)


def test_columns_of_bone_matrices_sum_to_one_or_are_empty() -> None:
    inward, outward = bone_matrices(BONES, 5)
    assert inward.sum(dim=0).tolist() == [0, 1, 1, 1, 0] and outward.sum(dim=0).tolist() == [1, 0, 1, 0, 0]
    assert outward[:, 0].tolist() == [0, 0.5, 0.5, 0, 0]


def test_supports_follow_the_default_type_and_refuse_another_polynomial() -> None:
    torch.set_default_dtype(torch.float32)
    assert skeleton_supports(BONES, 4).dtype == torch.float32
    with pytest.raises(ValueError, match="`polynomial` must be one of matrix, elementwise .got 'chebyshev'."):
        skeleton_supports(BONES, 4, "chebyshev")
