import pytest
import torch

from graphkit.continual import softened_binary_cross_entropy, softened_cross_entropy

STUDENT, TEACHER = torch.tensor([[1.0, 0], [0, 2]]), torch.tensor([[2.0, 0], [0, 1]])


def test_worked_example() -> None:
    assert float(softened_cross_entropy(STUDENT, TEACHER, 2.0)) == pytest.approx(0.649675026, abs=1e-6)


@pytest.mark.parametrize("term", [softened_cross_entropy, softened_binary_cross_entropy])
def test_the_gradient_reaches_the_student_only(term: object) -> None:
    student, teacher = STUDENT.clone().requires_grad_(), TEACHER.clone().requires_grad_()
    term(student, teacher).backward()  # type: ignore[operator]
    assert student.grad is not None and bool(student.grad.any()) and teacher.grad is None
    agreed = TEACHER.clone().requires_grad_()
    term(agreed, TEACHER).backward()  # type: ignore[operator]
    assert agreed.grad is not None
    torch.testing.assert_close(agreed.grad, torch.zeros(2, 2), atol=1e-6, rtol=0)


def test_two_classes_are_one_label() -> None:
    two = torch.stack([torch.zeros(3), torch.tensor([0.5, -1, 2])], dim=1)
    old = torch.stack([torch.zeros(3), torch.tensor([1.0, 0, -2])], dim=1)
    torch.testing.assert_close(
        softened_cross_entropy(two, old, 3.0), softened_binary_cross_entropy(two[:, 1:], old[:, 1:], 3.0)
    )


def test_bad_input() -> None:
    with pytest.raises(ValueError, match="must have one shape"):
        softened_cross_entropy(STUDENT, TEACHER[:1])
    with pytest.raises(ValueError, match=r"`temperature` must be positive \(got 0\)"):
        softened_cross_entropy(STUDENT, TEACHER, 0)


@pytest.mark.parametrize("term", [softened_cross_entropy, softened_binary_cross_entropy])
def test_a_class_that_both_models_mask_out_adds_nothing(term: object) -> None:
    gap = torch.full((2, 1), -torch.inf)
    student = torch.cat([STUDENT, gap], dim=1).requires_grad_()
    loss = term(student, torch.cat([TEACHER, gap], dim=1))  # type: ignore[operator]
    expected = term(STUDENT, TEACHER)  # type: ignore[operator]
    share = 1 if term is softened_cross_entropy else 2 / 3  # the mean over outputs counts the masked ones
    torch.testing.assert_close(loss, expected * share)
    loss.backward()
    assert student.grad is not None and bool(student.grad.isfinite().all())
