from pathlib import Path
from typing import Any

import pytest
import yaml

from graphkit.config.layers import merge
from graphkit.distill.distill_config import DistillConfig, chosen_losses
from graphkit.experiments import build_config
from tests.fitting import resolve_distill


def test_a_student_is_half_as_wide_and_trained_like_its_teacher() -> None:
    config = resolve_distill({"teacher": {"train": {"lr": 0.5}}, "seeds": 2})
    assert config["teacher"]["model"] == {"name": "gat"} and config["losses"] == {"lsp": {}}
    assert config["student"]["model"] == {"name": "gat", "hidden_channels": 32}
    assert config["student"]["train"] == config["teacher"]["train"] and config["student"]["train"]["lr"] == 0.5
    other = resolve_distill({"teacher": {"model": {"hidden_channels": 48}}, "student": {"model": {"name": "mlp"}}})
    assert other["student"]["model"] == {"name": "mlp", "hidden_channels": 24}
    clips = {"teacher": {"model": {"name": "stigcn", "dropout": 0.2}}, "data": {"name": "synthetic-skeleton"}}
    assert resolve_distill(clips)["student"]["model"] == {
        "name": "stigcn", "dropout": 0.2, "channels": [32, 64, 128]
    }  # fmt: skip
    given = resolve_distill({"student": {"model": {"hidden_channels": 8}, "train": {"epochs": 7}}})
    assert given["student"]["model"]["hidden_channels"] == 8 and given["student"]["train"]["epochs"] == 7
    assert all(
        resolve_distill(yaml.safe_load(yaml.safe_dump(settings))) == settings for settings in (config, other, given)
    )


def test_settings_combine_at_any_depth_and_another_model_starts_anew() -> None:
    base = {"student": {"model": {"name": "gat", "heads": 8}, "train": {"lr": 0.1}}, "losses": {"lsp": {"weight": 1}}}
    changes = {"student": {"model": {"name": "mlp"}, "train": {"epochs": 3}}, "losses": {"lsp": {"sigma": 2}}}
    assert merge(base, changes) == {
        "student": {"model": {"name": "mlp"}, "train": {"lr": 0.1, "epochs": 3}},
        "losses": {"lsp": {"weight": 1, "sigma": 2}},
    }
    assert merge(base, {"student": {"model": {"heads": 4}}})["student"]["model"] == {"name": "gat", "heads": 4}


def test_the_runs_of_a_comparison(tmp_path: Path) -> None:
    config = build_config("distill", {"losses": {"kd": {"temperature": 3}}, "seed": 4}, recipe="none")
    assert isinstance(config, DistillConfig)
    runs = {name: network.to_dict() for name, network in config.networks(tmp_path).items()}
    assert list(runs) == ["teacher", "alone", "kd"] and {run["seed"] for run in runs.values()} == {4}
    assert runs["alone"]["model"] == runs["kd"]["model"] != runs["teacher"]["model"]
    assert runs["kd"]["distill"] == {
        "teacher": str(tmp_path / "teacher"), "losses": [{"name": "kd", "temperature": 3.0}]
    }  # fmt: skip


def test_losses_are_chosen_by_name() -> None:
    assert chosen_losses("kd, lsp,kd") == ["kd", "lsp"] and len(chosen_losses("all")) == 6
    with pytest.raises(ValueError, match="unknown distillation loss 'al'; did you mean 'all'"):
        chosen_losses("al")


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        ({"studnet": {}}, "unknown configuration key 'studnet'; did you mean 'student'?"),
        ({"teacher": {"modle": {}}}, "unknown configuration key 'teacher.modle'; did you mean 'teacher.model'?"),
        ({"student": "gat"}, "`student` must hold keys and values"),
        ({"losses": ["lsp"]}, "`losses` must hold keys and values"),
        (
            {"student": {"model": {"head": 3}}},
            "unknown configuration key 'student.model.head'; did you mean 'student.model.heads'?",
        ),
        ({"seeds": 0}, "`seeds` must be at least 1"),
    ],
)
def test_a_mistake_is_one_line(layer: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError) as error:
        resolve_distill(layer)
    assert message in str(error.value) and "\n" not in str(error.value)
