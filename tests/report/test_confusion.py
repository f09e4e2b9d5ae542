import torch
from sklearn.metrics import confusion_matrix as expected_matrix

from graphkit.metrics import confusion_counts
from graphkit.report import confusion_matrix


def test_counts_match_sklearn() -> None:
    generator = torch.Generator().manual_seed(0)
    prediction, y = torch.randint(4, (2, 100), generator=generator)
    counts = confusion_counts(prediction, y, 5)  # the last class is absent
    assert counts[:4, :4].tolist() == expected_matrix(y, prediction).tolist()
    assert counts[4].sum() == counts[:, 4].sum() == 0


def test_cells_show_their_counts_and_axes_the_names() -> None:
    figure = confusion_matrix(torch.tensor([[1200, 0], [3, 4]]), ["a rather long name of a class", "b"])
    axis = figure.axes[0]
    assert [text.get_text() for text in axis.texts] == ["1,200", "·", "3", "4"]
    assert [label.get_text() for label in axis.get_yticklabels()] == ["a rather long name …", "b"]


def test_shading_is_the_share_of_the_true_class() -> None:
    image = confusion_matrix(torch.tensor([[1, 3], [0, 0]])).axes[0].get_images()[0].get_array()
    opacity = image[..., 3]
    assert opacity[0, 1] > opacity[0, 0] > opacity[1, 0] == opacity[1, 1]


def test_many_classes_are_shown_without_counts() -> None:
    axis = confusion_matrix(torch.eye(70).long()).axes[0]
    assert not axis.texts and len(axis.get_xticks()) == 7
