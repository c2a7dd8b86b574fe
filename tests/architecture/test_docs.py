"""The documents name files that are there."""

import re

import pytest

from engine.core.paths import PROJECT

PATHS = re.compile(r"`((?:engine|dashboard|tests|pages)/[\w./-]+\.(?:py|json|md))`")


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md", "docs/architecture.md"])
def test_every_file_that_a_document_names_is_there(name):
    named = PATHS.findall((PROJECT / name).read_text(encoding="utf-8"))
    assert [path for path in named if not (PROJECT / path).is_file()] == []


def test_the_packages_in_the_document_are_those_of_the_engine():
    text = (PROJECT / "docs" / "architecture.md").read_text(encoding="utf-8")
    table = text[text.index("## The layers of the engine") : text.index("## The layers of the dashboard")]
    named = {name for row in re.findall(r"^\| ((?:`\w+`(?:, )?)+) \|", table, re.M) for name in re.findall(r"`(\w+)`", row)}
    assert named == {folder.parent.name for folder in (PROJECT / "engine").glob("*/__init__.py")}
