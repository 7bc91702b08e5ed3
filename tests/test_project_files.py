"""The files around the package agree with each other: workflow, hooks, metadata, changelog."""

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PROJECT = PYPROJECT["project"]
WORKFLOW = ROOT / ".github/workflows/ci.yml"
ENVIRONMENTS = ROOT / ".ci/environments"
FLOORS = ENVIRONMENTS / "floors.txt"
FORMS = ["bug_report", "feature_request"]
# Top-level keys that GitHub and pre-commit refuse to do without.
KEYS = {
    ".github/workflows/ci.yml": {"name", "on", "jobs"},
    ".github/ISSUE_TEMPLATE/config.yml": {"contact_links"},
    **{f".github/ISSUE_TEMPLATE/{form}.yml": {"name", "description", "body"} for form in FORMS},
    ".pre-commit-config.yaml": {"repos"},
    "CITATION.cff": {"cff-version", "message", "title", "authors"},
}


def read(path):
    return (ROOT / path).read_text(encoding="utf-8")


def one_line(text):
    return " ".join(text.split())


@pytest.mark.parametrize("path", KEYS)
def test_file_has_the_keys_that_its_reader_needs(path):
    # The tests install no YAML parser. A tab or an odd indent is what breaks such files most often.
    lines = [line for line in read(path).splitlines() if line.strip()]
    indents = [re.match(r"\s*", line).group() for line in lines]
    assert [line for line, indent in zip(lines, indents, strict=True) if "\t" in indent] == []
    assert [line for line, indent in zip(lines, indents, strict=True) if len(indent) % 2] == []
    keys = [match.group(1) for line in lines if (match := re.match(r"([\w-]+):(\s|$)", line))]
    assert len(keys) == len(set(keys))
    assert set(keys) >= KEYS[path]


def test_coverage_has_a_floor_and_is_measured_by_ci_only():  # it takes as long again
    assert "--cov" not in PYPROJECT["tool"]["pytest"]["ini_options"]["addopts"]
    assert re.search(r"^step .*PYTEST_ADDOPTS='--cov .*[$]tests\"$", read(".ci/run"), re.MULTILINE)
    assert PYPROJECT["tool"]["coverage"]["report"]["fail_under"] >= 95


def test_workflow_uses_every_environment_and_no_other():
    used = re.findall(r"constraints: (\S+)", read(WORKFLOW))
    there = {path.relative_to(ROOT).as_posix() for path in ENVIRONMENTS.iterdir()}
    assert set(used) == there - {FLOORS.relative_to(ROOT).as_posix()}


def test_floors_are_those_of_the_project():
    extras = PROJECT["optional-dependencies"]
    lines = [*PROJECT["dependencies"], *extras["plot"], *extras["test"]]
    declared = [line.split(">=") for line in lines if not line.startswith("skprune[")]
    pinned = [line.split("==") for line in read(FLOORS).splitlines() if not line.startswith("#")]
    assert [name for name, _ in pinned] == [name for name, _ in declared]
    for (name, floor), (_, version) in zip(declared, pinned, strict=True):
        assert version == floor + ".0" * (2 - floor.count(".")), name
    assert FLOORS.relative_to(ROOT).as_posix() in read(".ci/run")


def test_oldest_environment_is_the_declared_floor():
    floor = next(
        re.fullmatch(r"scikit-learn>=(\d+\.\d+).*", line).group(1)
        for line in PROJECT["dependencies"]
        if line.startswith("scikit-learn")
    )
    pinned = [
        tuple(map(int, match.group(1).split(".")))
        for path in ENVIRONMENTS.iterdir()
        if (match := re.fullmatch(r"sklearn-(\d+\.\d+)\.txt", path.name))
    ]
    assert min(pinned) == tuple(map(int, floor.split(".")))
    assert f"\nscikit-learn=={floor}.*\n" in read(ENVIRONMENTS / f"sklearn-{floor}.txt")


def test_workflow_runs_every_declared_python():
    label = "Programming Language :: Python :: 3."
    declared = {line[-4:] for line in PROJECT["classifiers"] if line.startswith(label)}
    assert set(re.findall(r'python: "([\d.]+)"', read(WORKFLOW))) == declared
    assert min(declared) == PROJECT["requires-python"].removeprefix(">=")


def test_hook_runs_the_linter_of_the_lint_extra():
    (pin,) = (line for line in PROJECT["optional-dependencies"]["lint"] if line.startswith("ruff"))
    version = re.search(r"ruff-pre-commit\n +rev: v([\d.]+)", read(".pre-commit-config.yaml"))
    assert version.group(1).startswith(pin.removeprefix("ruff==").removesuffix("*"))


def test_project_links():
    urls = PROJECT["urls"]
    assert set(urls) == {"Homepage", "Documentation", "Source", "Changelog", "Issues"}
    citation = read("CITATION.cff")
    assert f"repository-code: {urls['Source']}\n" in citation
    assert f"license: {PROJECT['license']}\n" in citation


def test_changelog_holds_the_fragments_and_nothing_else():
    unreleased = read("CHANGELOG.md").partition("\n## Unreleased\n")[2]
    unreleased = unreleased.partition("\n<!-- towncrier release notes start -->")[0]
    kinds_found = re.split(r"^### (\w+)$", unreleased, flags=re.MULTILINE)[1:]
    found = {
        (kind.lower(), one_line(entry))
        for kind, entries in zip(kinds_found[::2], kinds_found[1::2], strict=True)
        for entry in re.split(r"^- ", entries, flags=re.MULTILINE)[1:]
    }
    kinds = "|".join(kind["directory"] for kind in PYPROJECT["tool"]["towncrier"]["type"])
    fragments = {path.name: path for path in (ROOT / "changelog.d").iterdir()}
    del fragments["README.md"]
    assert [name for name in fragments if not re.fullmatch(rf"[\w-]+\.({kinds})\.md", name)] == []
    expected = {
        (name.split(".")[1], one_line(path.read_text(encoding="utf-8")))
        for name, path in fragments.items()
    }
    assert found == expected, "run `bash .ci/changelog`"
