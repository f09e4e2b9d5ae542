"""The rule for labels that are missing."""

import numpy as np
import pytest
import torch

from graphkit.data.labels import classes_of_numbers, classes_of_words, is_no_label, label_columns, labeled_items


@pytest.mark.parametrize(
    "word", [None, "", "  ", "nan", "NaN", "NA", "N/A", "n/a", "<NA>", "None", "null", "NULL", "?", "-1", "-1.0"]
)
def test_words_for_no_label(word: str | None) -> None:
    assert is_no_label(word)
    y, names = classes_of_words(["cat", word, "dog", "cat"])
    assert y.tolist() == [0, -1, 1, 0] and names == ("cat", "dog")


@pytest.mark.parametrize("word", ["-1", "-1.0", " -1.00 "])
def test_minus_one_is_a_value_of_a_regression(word: str) -> None:
    assert is_no_label(word) and not is_no_label(word, regression=True)
    assert is_no_label("nan", regression=True) and is_no_label(None, regression=True)
    assert not is_no_label("-1.5") and not is_no_label("-1.5", regression=True)


@pytest.mark.parametrize("word", ["0", "1", "-2", "nano", "Nada", "no", "11", "-11"])
def test_words_that_are_labels(word: str) -> None:
    assert not is_no_label(word)


def test_whole_numbers_keep_their_order_with_and_without_a_point() -> None:
    y, names = classes_of_words(["10.0", "9", "9.0", "nan", "10"])
    assert y.tolist() == [1, 0, 0, -1, 1] and names == ("9", "10")


@pytest.mark.parametrize("word", ["0.13", "-.5", "1e-3", "2.50"])
def test_measurements_are_no_classes(word: str) -> None:
    with pytest.raises(ValueError, match=r"cell 2 must be a class, a word or a whole number \(got '.*'\)"):
        classes_of_words(["1", "2", word], lambda position: f"cell {position}")


def test_numbers_of_classes() -> None:
    y, count = classes_of_numbers(np.array([0, np.nan, 2, -1, 1]))
    assert y.tolist() == [0, -1, 2, -1, 1] and count == 3
    assert classes_of_numbers(np.array([2, -1]), num_classes=4)[1] == 4


@pytest.mark.parametrize("label", [2**29, 2**62, 3, -2, np.inf, -np.inf, 1e300])
def test_a_number_that_is_no_class_is_refused(label: float) -> None:
    with pytest.raises(ValueError, match="`y` must hold class numbers from 0 to 2, without gaps"):
        classes_of_numbers(np.array([0, 1, label]))
    with pytest.raises(ValueError, match="`y` must hold class numbers from 0 to 2, one for each of the 3 class names"):
        classes_of_numbers(np.array([0, label]), num_classes=3)


def test_which_items_are_labeled() -> None:
    nan = float("nan")
    assert labeled_items(torch.tensor([0, -1, 3])).tolist() == [True, False, True]
    assert labeled_items(torch.tensor([0.5, nan])).tolist() == [True, False]
    assert labeled_items(torch.tensor([[0, nan], [nan, nan], [1, 1]])).tolist() == [True, False, True]


def test_columns_of_several_labels() -> None:
    y = label_columns(np.array([[0, 1], [-1, 1], [1, 0]]))
    assert y.isnan().tolist() == [[False, False], [True, False], [False, False]] and y[2].tolist() == [1, 0]
    with pytest.raises(ValueError, match=r"must hold 0, 1 or NaN in its columns \(got 2 for label 1 of item 0\)"):
        label_columns(np.array([[0, 2]]))
    with pytest.raises(ValueError, match="must have at least one column"):
        label_columns(np.empty((3, 0)))
