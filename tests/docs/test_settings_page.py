"""The generated tables of settings: every setting has a row with a description."""

import importlib.util
import re
from dataclasses import fields
from pathlib import Path
from types import ModuleType

import pytest

from graphkit.continual.continual_config import TaskSettings, strategy_settings_class, stream_options
from graphkit.data.data_settings import DataSettings
from graphkit.data.loading import option_settings
from graphkit.data.user.molecules import molecule_options
from graphkit.distill.distill_config import loss_settings_class
from graphkit.nn.model_settings import model_options
from graphkit.registry import dataset_names, loss_names, model_names, strategy_names
from graphkit.training.train_config import RunConfig, TrainSettings

DOCS = Path(__file__).resolve().parents[2] / "docs"


@pytest.fixture(scope="module")
def extension() -> ModuleType:
    spec = importlib.util.spec_from_file_location("settings_page", DOCS / "settings_page.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def page(extension: ModuleType) -> str:
    return extension.fill((DOCS / "settings.md").read_text(encoding="utf-8"))


def rows(page: str) -> dict[str, list[list[str]]]:
    """Returns the cells of the rows of a page by the name of the setting."""
    table: dict[str, list[list[str]]] = {}
    for line in page.splitlines():
        cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line)][1:-1]
        if len(cells) == 5 and cells[0].startswith("`"):
            table.setdefault(cells[0].strip("`"), []).append(cells[1:])
    return table


def test_every_setting_has_a_row(page: str) -> None:
    names = {field.name for field in fields(RunConfig)} - {"data"}
    names |= {f"train.{field.name}" for section in (TrainSettings, TaskSettings) for field in fields(section)}
    names |= {f"data.{field.name}" for field in fields(DataSettings)}
    names |= {f"data.{option}" for name in dataset_names() for option in option_settings(name)}
    names |= {f"data.{option}" for option in molecule_options()}
    names |= {f"stream.{option}" for option in (*stream_options(), "heads")} | {"protocol", "search"}
    names |= {f"model.{option}" for name in model_names() for option in model_options(name)}
    names |= {f"strategies.{name}.{f.name}" for name in strategy_names() for f in fields(strategy_settings_class(name))}
    common = ("name", "layers", "weight", "active_epochs")
    for name in loss_names():
        names |= {f"losses.{name}.{f.name}" for f in fields(loss_settings_class(name)) if f.name not in common}
    assert not names - set(rows(page))


def test_every_row_has_a_type_and_a_description(page: str) -> None:
    bare = [name for name, entries in rows(page).items() for cells in entries if not cells[0] or not cells[3]]
    assert not bare


def test_rows_show_defaults_and_ranges(page: str) -> None:
    table = rows(page)
    assert table["train.lr"][0][:3] == ["float", "`0.01`", "(0, 1e+06]"]
    assert table["train.lr"][1][1] == "`0.005`"  # of continual
    assert table["train.label_smoothing"][0][2] == "[0, 1)"
    assert ["text or none", "`none`; graphs: `sum`", ""] in [cells[:3] for cells in table["model.readout"]]


def test_no_markup_of_docstrings_is_left(page: str) -> None:
    assert "%settings" not in page and "``" not in page.replace("```", "")
    assert not re.search(r"(?<!\{py):\w+:`", page)
