"""Address, license, citation, size and checksums of the named data sets, in the registry, as JSON and on the page."""

import importlib.util
import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from graphkit.cli.main import main
from graphkit.data import describe_dataset
from graphkit.data.sources import published_digests
from graphkit.registry import dataset_names, get_dataset

ROOT = Path(__file__).parents[2]
NAMES = [name for name in dataset_names() if get_dataset(name).load.__module__.startswith("graphkit.data.")]
PUBLIC = [name for name in NAMES if ".datasets." in get_dataset(name).load.__module__]


@pytest.mark.parametrize("name", PUBLIC)
def test_a_public_data_set_has_address_license_and_citation(name: str) -> None:
    facts = describe_dataset(name)
    assert facts["address"] and facts["license"] and facts["citation"]
    assert facts["bytes"] is None or facts["bytes"] > 0
    source = get_dataset(name).source
    assert not facts["sha256"] or facts["bytes"], "the files were at hand"
    assert (
        {file.split("/")[0] for file in facts["sha256"]} <= {*source.files}
        or name in ("mutag", "proteins")
        or (source.folder == "GeometricShapes")
    )
    assert all(len(digest) == 64 for digests in facts["sha256"].values() for digest in digests)


@pytest.mark.parametrize("name", [name for name in NAMES if name not in PUBLIC])
def test_a_generated_data_set_says_so(name: str) -> None:
    facts = describe_dataset(name)
    assert facts["address"].startswith("generated") and facts["citation"]
    assert facts["license"] is None and facts["folder"] is None and not facts["files"]


def test_sizes_are_those_of_the_raw_files(real: Path) -> None:
    checked = 0
    for name in PUBLIC:
        source = get_dataset(name).source
        folder = real / source.folder / source.raw
        if source.num_bytes is None or not all((folder / file).exists() for file in source.files):
            continue
        files = [folder / file for file in source.files]
        files = (
            files if all(path.is_file() for path in files) else [path for path in folder.rglob("*") if path.is_file()]
        )
        assert sum(path.stat().st_size for path in files) == source.num_bytes, name
        assert {*published_digests(source)}, name
        checked += 1
    assert checked > 10


def test_the_page_has_the_row_of_every_data_set() -> None:
    spec = importlib.util.spec_from_file_location("datasets_table", ROOT / "benchmarks" / "data" / "datasets_table.py")
    assert spec is not None and spec.loader is not None
    table = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(table)
    page = (ROOT / "docs" / "dataset_sources.md").read_text(encoding="utf-8").splitlines()
    assert [line for line in page if line.startswith("|")] == table.source_rows()


def test_the_command_prints_json() -> None:
    one = json.loads(CliRunner().invoke(main, ["datasets", "Cora", "--json"]).stdout)
    assert one.pop("options") == {} and one == describe_dataset("cora")
    assert one["license"] == "MIT (of the repository)" and len(one["sha256"]) == 8
    everything = json.loads(CliRunner().invoke(main, ["datasets", "--json"]).stdout)
    assert [row["name"] for row in everything] == dataset_names()
    options = json.loads(CliRunner().invoke(main, ["datasets", "factor-graphs", "--json"]).stdout)["options"]
    assert options["num_graphs"] == "20000"


def test_the_command_names_what_is_wrong(tmp_path: Path) -> None:
    wrong = CliRunner().invoke(main, ["datasets", "coar", "--json"])
    assert wrong.exit_code == 2 and "did you mean 'cora'?" in wrong.stderr
    wrong = CliRunner().invoke(main, ["datasets", str(tmp_path), "--json"])
    assert wrong.exit_code == 2 and "expected the name of a data set with --json" in wrong.stderr
