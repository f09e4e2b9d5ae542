"""Every recipe: its settings are legal, and every number says where it comes from."""

import pytest

from graphkit.config.recipes import (
    distill_recipe,
    find_recipe,
    load_recipe,
    recipe_names,
    train_recipe,
)
from graphkit.experiments import build_config
from graphkit.registry import dataset_names, loss_names, model_names, strategy_names
from tests.fitting import resolve_distill

STREAMS = [name for name in recipe_names() if name.startswith("continual-")]
STUDENTS = [name for name in recipe_names() if name.startswith("distill-")]
OTHERS = [name for name in recipe_names() if name not in (*STREAMS, *STUDENTS)]


@pytest.mark.parametrize("name", OTHERS)
def test_resolves_to_a_configuration(name: str) -> None:
    config = build_config("train", recipe=name).to_dict()
    assert config["recipe"] == name
    assert config["model"]["name"] in model_names() and config["data"]["name"] in dataset_names()
    assert name.startswith(f"{config['model']['name']}-{config['data']['name']}")


@pytest.mark.parametrize("name", STREAMS)
@pytest.mark.parametrize("protocol", ["default", "published"])
def test_resolves_to_the_configuration_of_a_stream(name: str, protocol: str) -> None:
    config = build_config("continual", {"protocol": protocol}, recipe=name, names="all").to_dict()
    assert config["data"]["name"] in dataset_names() and name == f"continual-{config['data']['name']}"
    assert set(config["strategies"]) <= set(strategy_names()) and config["protocol"] == protocol
    with pytest.raises(ValueError, match="is for a stream of tasks; use it with graphkit continual"):
        train_recipe(name)


@pytest.mark.parametrize("name", STREAMS)
def test_every_number_of_a_stream_has_a_source(name: str) -> None:
    recipe = load_recipe(name)
    assert recipe["title"] and recipe["expected"]
    for entry in recipe["expected"]:
        assert entry["metric"] and entry["strategy"] in strategy_names()
        assert entry["protocol"] in ("default", "published")
        assert isinstance(entry["mean"], float | int) or "no published score" in entry["note"]
        if entry["source"] == "measured":
            assert entry["command"].startswith("graphkit continual") and entry["seeds"] >= 3
            assert entry["std"] is not None and entry["selected_on"] and "learning" in entry
        else:
            assert entry["source"] == "published" and "not run here" in entry["note"]


@pytest.mark.parametrize("name", OTHERS)
def test_every_number_has_a_source(name: str) -> None:
    recipe = load_recipe(name)
    assert recipe["title"] and (recipe["expected"] or "no published score" in recipe["note"])
    for entry in recipe["expected"]:
        assert entry["metric"] and entry["selected_on"]
        assert isinstance(entry["mean"], float | int) or "no published score" in entry["note"]
        if entry["source"] == "measured":
            assert entry["command"].startswith(("graphkit train", "graphkit ensemble"))
            if "one seed" not in entry.get("note", ""):  # a few seeds and their spread, or it is said
                assert entry["seeds"] >= 3 and entry["std"] is not None
        else:
            assert entry["source"] == "published" and "not run here" in entry["note"]


@pytest.mark.parametrize("name", STUDENTS)
def test_resolves_to_the_configuration_of_a_teacher_and_a_student(name: str) -> None:
    config = resolve_distill({**distill_recipe(name), "recipe": name})
    assert name.startswith(f"distill-{config['data']['name']}") and set(config["losses"]) <= set(loss_names())
    width = "channels" if "channels" in config["student"]["model"] else "hidden_channels"
    assert config["student"]["model"][width] < config["teacher"]["model"][width]
    with pytest.raises(ValueError, match="is for a teacher and a student; use it with graphkit distill"):
        train_recipe(name)
    recipe = load_recipe(name)
    assert recipe["title"] and recipe["expected"]
    for entry in recipe["expected"]:
        assert entry["network"] in ("teacher", "alone", *config["losses"]) and entry["metric"]
        if entry["source"] == "published":
            assert "not run here" in entry["note"]
            continue
        assert entry["source"] == "measured" and entry["command"].startswith("graphkit distill")
        assert entry["selected_on"] == "validation"
        if "one seed" not in entry.get("note", ""):
            assert entry["seeds"] >= 3 and entry["std"] is not None


def test_a_pair_with_a_recipe_finds_it() -> None:
    assert find_recipe("factorgcn", "factor-graphs") == "factorgcn-factor-graphs"
    assert find_recipe("gcn", "karate") is None


def test_an_unknown_recipe_is_refused() -> None:
    with pytest.raises(ValueError, match="unknown recipe 'factorgcn-factor-graph'; did you mean"):
        load_recipe("factorgcn-factor-graph")


@pytest.mark.parametrize("name", [name for name in OTHERS if "-ntu" in name])
def test_recipes_of_ntu_tell_bodies_apart_as_the_released_reader_does(name: str) -> None:
    assert "released" in load_recipe(name)["title"] and train_recipe(name)["data"]["bodies"] == "position"


#: Keys of an entry of ``expected``.
ENTRY = {"metric", "mean", "std", "seeds", "selected_on", "source", "command", "note"}
ENTRY |= {"strategy", "protocol", "forgetting", "learning", "network", "scores"}


@pytest.mark.parametrize("name", recipe_names())
def test_entries_have_the_keys_of_an_entry(name: str) -> None:
    for entry in load_recipe(name).get("expected", []):
        assert set(entry) <= ENTRY and "seeds" in entry, entry
