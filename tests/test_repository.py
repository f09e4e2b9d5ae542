"""Files of the repository that no code reads: citation, policies and workflows of hosted CI agree with the code."""

import re
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

from graphkit.data.raw_files import CACHE_FORMAT
from graphkit.errors import InputError
from graphkit.files import write_json
from graphkit.training import checkpoint, run_files
from graphkit.version import __version__

ROOT = Path(__file__).parent.parent
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))


def text(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def test_citation_is_of_this_version_and_names_the_papers() -> None:
    citation = yaml.safe_load(text("CITATION.cff"))
    assert citation["version"] == __version__ and citation["license"] == "MIT"
    assert citation["authors"] == [{"name": "graphkit authors"}]
    papers = {reference["url"].rpartition("/")[2]: reference for reference in citation["references"]}
    assert set(papers) == {"2101.03464", "2010.05421", "2011.13322", "2003.10477", "2012.06002"}
    code = " ".join(path.read_text(encoding="utf-8") for path in (ROOT / "graphkit").rglob("*.py"))
    assert all(f"arxiv.org/abs/{number}" in code for number in papers)
    assert all({"title", "authors", "year", "collection-title"} <= reference.keys() for reference in papers.values())


@pytest.mark.parametrize("name", ["SECURITY.md", "CITATION.cff", "CONTRIBUTING.md", "CHANGELOG.md"])
def test_no_address_of_a_person(name: str) -> None:
    assert not re.search(r"[\w.+-]+@[\w-]+\.[\w.]+", text(name))


def test_the_policy_has_the_format_numbers_of_the_code() -> None:
    rows = {}
    for line in text("CONTRIBUTING.md").splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        rows[cells[0]] = cells
    for name, number in (
        ("`result.json`", run_files.FORMAT),
        ("checkpoint `state.pt`", checkpoint.FORMAT),
        ("cache of processed data", CACHE_FORMAT),
    ):
        assert rows[name][2] == str(number) and str(number) in rows[name][3].split(", "), name


@pytest.mark.parametrize("form", [None, 1])
def test_files_of_the_first_format_are_read(tmp_path: Path, form: int | None) -> None:
    key = {} if form is None else {"format": form}
    write_json(tmp_path / "result.json", {"command": "train", "metric": "accuracy", **key})
    assert run_files.read_result(tmp_path)["command"] == "train"
    torch.save({"epoch": 3, **key}, tmp_path / "state.pt")
    assert checkpoint.load_state(tmp_path / "state.pt") == {"epoch": 3}


def test_files_of_a_later_format_are_refused_in_one_line(tmp_path: Path) -> None:
    write_json(tmp_path / "result.json", {"format": run_files.FORMAT + 1})
    torch.save({"format": checkpoint.FORMAT + 1}, tmp_path / "state.pt")
    readers: list[Any] = [
        lambda: run_files.read_result(tmp_path),
        lambda: checkpoint.load_state(tmp_path / "state.pt"),
    ]
    for read in readers:
        with pytest.raises(
            InputError, match="has format 2, and this graphkit reads 1; install a newer graphkit"
        ) as error:
            read()
        assert "\n" not in str(error.value)


@pytest.mark.skipif(not (ROOT / ".github").is_dir(), reason="the source distribution has no workflows")
def test_there_are_workflows_for_tests_wheels_and_docs() -> None:
    assert [path.stem for path in WORKFLOWS] == ["docs", "tests", "wheels"]


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_a_workflow_is_marked_and_uses_targets_that_exist(path: Path) -> None:
    content = path.read_text(encoding="utf-8")
    assert content.startswith("# Not run yet")
    workflow = yaml.safe_load(content)
    assert workflow["permissions"] == {"contents": "read"} and workflow["jobs"]
    targets = set(re.findall(r"^([a-z-]+):", text("Makefile"), re.MULTILINE))
    steps = [step for job in workflow["jobs"].values() for step in job["steps"]]
    used = re.findall(r"\bmake ([a-z-]+)", " ".join(step.get("run", "") for step in steps))
    assert set(used) <= targets and (used or path.stem != "tests")
    folders = [word for step in steps for word in step.get("run", "").split() if word.startswith("tests/")]
    assert not [folder for folder in folders if not (ROOT / folder).exists()]
    assert all(re.fullmatch(r"[\w-]+/[\w-]+@v[\d.]+", step["uses"]) for step in steps if "uses" in step)
