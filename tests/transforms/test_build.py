import pytest
import torch
from torch_geometric.data import Data
from torch_geometric.transforms import Constant

from graphkit.transforms import build, transform_names


def data() -> Data:
    return Data(x=torch.ones(3, 2), edge_index=torch.tensor([[0, 1], [1, 2]]))


def test_names_values_options_and_callables_in_order() -> None:
    transform = build(["self-loops", {"degree": 4}, {"constant": {"value": 2}}, Constant(value=3.0)])
    assert transform is not None
    x = transform(data()).x
    assert x.tolist()[1] == [1, 1, 0, 0, 1, 0, 2, 3]  # in-degree 2 with the self loop
    assert repr(transform).startswith("Chain(SelfLoops(), Degree(one_hot=4), Constant(2)")


def test_nothing_and_a_single_name() -> None:
    assert build([]) is None and build(None) is None
    transform = build("degree")
    assert transform is not None and transform(data()).x.size(1) == 3


def test_all_transforms_are_found_by_name_and_say_what_they_are() -> None:
    assert {"normalize-features", "self-loops", "remove-self-loops", "undirected", "degree", "constant"} <= set(
        transform_names()
    )
    assert {"return-probabilities", "largest-component"} <= set(transform_names())
    for name in set(transform_names()) - {"stored-paths"}:  # which needs a folder
        transform = build([name])
        assert transform is not None and "object at" not in repr(transform)
        assert transform(data()).num_nodes is not None


@pytest.mark.parametrize(
    ("items", "message"),
    [
        (["selfloop"], "unknown transform 'selfloop'; did you mean 'self-loops'"),
        ([{"degree": {"onehot": 3}}], "'onehot'; did you mean 'one_hot'"),
        ([{"self-loops": 3}], "takes no option"),
        ([{"return-probabilities": 0}], "`k` must be a positive whole number"),
        ([{"degree": -1}], "`one_hot` must be 0 or a width"),
    ],
)
def test_mistakes_are_one_clear_line(items: list, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        build(items)


def test_other_things_are_no_transforms() -> None:
    with pytest.raises(TypeError, match="must be a name"):
        build([3])
