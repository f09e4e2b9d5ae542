import pytest

from graphkit.registry import Registry, dataset_names, get_model, model_names, unknown_name


def test_knows_what_its_files_register() -> None:
    assert {"factorgcn", "gcn", "gat", "gin", "mlp"} <= set(model_names())
    assert {"cora", "mutag", "factor-graphs"} <= set(dataset_names())
    assert get_model("gcn").__name__ == "GCN"


def test_an_unknown_name_offers_the_closest_one() -> None:
    with pytest.raises(ValueError, match="unknown model 'factorgnc'; did you mean 'factorgcn'\\?"):
        get_model("factorgnc")
    with pytest.raises(ValueError, match="did you mean 'gcn'"):
        get_model("GCN")
    assert str(unknown_name("task", "zzz", ["b", "a"])) == "unknown task 'zzz'; known: a, b"


def test_a_name_is_given_once() -> None:
    registry = Registry("thing", "graphkit.nn.models")
    registry.register("one")(1)
    with pytest.raises(ValueError, match="the thing name 'one' is taken by 1"):
        registry.register("one")(2)
