"""Wrong arguments of constructors, of every layer and every registered model: one line that names the argument."""

import inspect
from typing import Any

import pytest
import torch

import graphkit.nn
from graphkit.errors import InputError
from graphkit.nn import SkeletonModel, skeleton_supports, spatial_partition
from graphkit.registry import get_layout, get_model, model_names

LAYOUT = get_layout("ntu-25")
#: What each layer needs.
LAYERS: dict[str, dict[str, Any]] = {
    "DynamicEdgeConv": {"in_channels": 4, "out_channels": 8},
    "FactorDiscriminator": {"channels": 4, "factors": 2},
    "FactorGCNConv": {"in_channels": 4, "out_channels": 8},
    "FusedGATConv": {"in_channels": 4, "out_channels": 8},
    "SPAGANConv": {"in_channels": 4, "out_channels": 8},
    "STGCNConv": {
        "in_channels": 4,
        "out_channels": 8,
        "parts": spatial_partition(LAYOUT.edges, LAYOUT.num_joints, LAYOUT.center),
    },
    "STInceptionConv": {
        "in_channels": 4,
        "out_channels": 8,
        "supports": skeleton_supports(LAYOUT.edges, LAYOUT.num_joints),
    },
}
CLASSES: dict[str, tuple[type, dict[str, Any]]] = {
    **{name: (getattr(graphkit.nn, name), needed) for name, needed in LAYERS.items()},
    **{
        name: (
            get_model(name),
            {"channels": (8,), "blocks": (1,)}
            if issubclass(get_model(name), SkeletonModel)
            else {"in_channels": 4, "out_channels": 3},
        )
        for name in model_names()
    },
}
#: What PyG's classes take beside the arguments of graphkit's.
MORE = {
    "gat": ("num_layers", "readout", "dropout", "batch_norm", "num_categories", "negative_slope", "add_self_loops"),
    "gcn": ("improved", "cached", "normalize", "act", "jk"),
    "gin": ("train_eps", "eps", "act"),
    "gine": ("train_eps", "eps", "act"),
    "sage": ("normalize", "act", "layer_norm", "residual", "input_projection", "input_dropout"),
    "mlp": ("act", "plain_last"),
}
HOSTILE: tuple[Any, ...] = (
    0, -1, -3, 5, 2.5, float("nan"), float("inf"), 1e30, 2**70, "", "abc", "not an option" * 20, None, True, [], [0],
    ["a"], (1, -1), {}, object(), torch.zeros(2),
)  # fmt: skip
COUNTS = {"in_channels", "out_channels", "hidden_channels", "num_layers", "heads", "out_heads", "factors", "k",
          "num_classes", "num_persons", "max_hops", "num_categories", "channels", "path_layers", "stride",
          "edge_dim"}  # fmt: skip
LIKE_GAT = ("FusedGATConv", "SPAGANConv")
SHARES = {"dropout", "input_dropout", "attention_dropout", "head_dropout"}
FLAGS = {"batch_norm", "concat", "bias", "residual", "fused", "size_norm", "input_norm", "shortcut", "share_transform",
         "per_cloud", "improved", "cached", "normalize", "train_eps", "add_self_loops",
         "layer_norm", "input_projection", "learn_costs"}  # fmt: skip


def arguments(name: str) -> list[str]:
    """Returns the names of the arguments of a class."""
    kinds = (inspect.Parameter.VAR_KEYWORD, inspect.Parameter.VAR_POSITIONAL)
    parameters = inspect.signature(CLASSES[name][0]).parameters.values()
    return [parameter.name for parameter in parameters if parameter.kind not in kinds] + list(MORE.get(name, ()))


@pytest.mark.parametrize("name", CLASSES)
def test_hostile_values_are_taken_or_refused_in_one_line(name: str) -> None:
    cls, needed = CLASSES[name]
    cls(**needed)
    for argument in arguments(name):
        for value in HOSTILE:
            try:
                cls(**{**needed, argument: value})
            except InputError as error:
                assert "\n" not in str(error) and len(str(error)) < 400, error
                continue
            if argument in COUNTS | SHARES and isinstance(value, int | float) and not isinstance(value, bool):
                lazy = name in LIKE_GAT and value == -1  # PyG's mark for a width that the input tells
                assert value > 0 or lazy if argument in COUNTS else 0 <= value < 1, (argument, value)
            if argument in COUNTS and argument not in ("factors", "channels"):
                pair = name in LIKE_GAT and isinstance(value, tuple)  # widths of two sets of nodes
                assert value is None or type(value) is int or pair, (argument, value)
            if argument in FLAGS:
                assert isinstance(value, bool), (argument, value)
            assert value is None or argument not in SHARES or not isinstance(value, str | bool), (argument, value)


@pytest.mark.parametrize("name", CLASSES)
def test_all_layers_and_models_are_here(name: str) -> None:
    exported = {key for key in graphkit.nn.__all__ if isinstance(getattr(graphkit.nn, key), type)}
    modules = {key for key in exported if issubclass(getattr(graphkit.nn, key), torch.nn.Module)}
    expected = {cls.__name__ for cls, _ in CLASSES.values()} | {"GraphModel", "SkeletonModel"}
    assert modules == expected and name in CLASSES


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("gat", {"heads": 0}, "`heads` must be at least 1 (got 0)"),
        ("gat", {"out_heads": "abc"}, "`out_heads` must be a whole number (got 'abc')"),
        ("factorgcn", {"head_act": 5}, "`head_act` must be the name of an activation, such as relu (got 5)"),
        ("gcn", {"hidden_channels": -4}, "`hidden_channels` must be at least 1 (got -4)"),
        ("mlp", {"dropout": 1.0}, "`dropout` must lie in [0, 1) (got 1.0)"),
        ("gin", {"num_layers": 10**9}, "`num_layers` must be at most 1000 (got 1000000000)"),
        ("gcn", {"batch_norm": 1}, "`batch_norm` must be true or false (got 1)"),
        ("gcn", {"foo": 1}, "GCN cannot be made with the options foo=1"),
        ("stigcn", {"channels": "abc"}, "`channels` must be a list of whole numbers (got 'abc')"),
        ("st-gcn", {"layout": 5}, "`layout` must be a layout or the name of one, such as ntu-25 (got 5)"),
    ],
)
def test_messages(name: str, options: dict[str, Any], message: str) -> None:
    cls, needed = CLASSES[name]
    with pytest.raises(InputError) as error:
        cls(**{**needed, **options})
    assert str(error.value).startswith(message)


def test_a_fused_gat_takes_the_options_of_its_layers() -> None:
    torch.manual_seed(0)
    for options in ({"fused": True}, {"out_heads": 1}):
        model = get_model("gat")(4, 3, add_self_loops=False, negative_slope=0.5, **options)
        assert [(conv.add_self_loops, conv.negative_slope) for conv in model.body.convs] == [(False, 0.5)] * 2
