import pytest

from graphkit.registry import (
    Registry,
    canonical_dataset,
    dataset_names,
    get_model,
    layout_names,
    loss_names,
    model_names,
    plain_name,
    strategy_names,
    unknown_name,
)


def test_knows_what_its_files_register() -> None:
    assert {"factorgcn", "gcn", "gat", "gin", "mlp"} <= set(model_names())
    assert {"cora", "mutag", "factor-graphs"} <= set(dataset_names())
    assert get_model("gcn").__name__ == "GCN"


def test_an_unknown_name_offers_the_closest_one() -> None:
    with pytest.raises(ValueError, match="unknown model 'factorgnc'; did you mean 'factorgcn'\\?"):
        get_model("factorgnc")
    with pytest.raises(ValueError, match="did you mean 'gcn'"):
        get_model("GCM")
    with pytest.raises(ValueError, match="a model must have a name"):
        get_model(" ")
    with pytest.raises(TypeError, match="the name of a model must be text \\(got 5\\)"):
        get_model(5)  # type: ignore[arg-type]
    assert str(unknown_name("task", "zzz", ["b", "a"])) == "unknown task 'zzz'; known: a, b"


def test_names_are_matched_without_regard_to_case_and_dashes() -> None:
    assert get_model("GCN") is get_model("gcn") and get_model("ST_GCN") is get_model("stgcn") is get_model("st-gcn")
    assert canonical_dataset("Factor_Graphs") == "factor-graphs" and canonical_dataset("coar") == "coar"
    for names in (model_names(), dataset_names(), loss_names(), strategy_names(), layout_names()):
        assert len({plain_name(name) for name in names}) == len(names)


def test_a_name_is_given_once() -> None:
    registry = Registry("thing", "graphkit.nn.models")
    registry.register("one")(1)
    with pytest.raises(ValueError, match="the thing name 'one' is taken by 1"):
        registry.register("one")(2)
