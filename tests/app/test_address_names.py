"""A name in the address means one thing: a choice made on one page does not turn up on another that uses the same word."""

import ast
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

DASHBOARD = Path(__file__).resolve().parents[2] / "dashboard"
PAGES = ("explore", "augment", "evaluate", "clean", "predict")
SHARED = {"dataset", "run"}  # on purpose: the page talks about the same thing as the one before
CHOICES = {
    "choose": 3,
    "current_choice": 1,
    "choose_page": 2,
    "remember": 0,
}  # function of `url_state` -> place of the parameter's name


def chosen_in(file: Path) -> Iterator[str]:
    """The names of parameters that a module writes into the address, where they are written out or are constants of it."""
    tree = ast.parse(file.read_text())
    constants = {
        target.id: node.value.value
        for node in tree.body
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute) or node.func.attr not in CHOICES:
            continue
        if not isinstance(node.func.value, ast.Name) or node.func.value.id != "url_state":
            continue
        place = CHOICES[node.func.attr]
        if len(node.args) <= place:
            yield "page"  # the default of `choose_page`
        elif isinstance(name := node.args[place], ast.Constant):
            yield name.value
        elif isinstance(name, ast.Name) and name.id in constants:
            yield constants[name.id]


def test_no_two_pages_choose_by_the_same_name():
    pages = defaultdict(set)
    for page in PAGES:
        for file in (DASHBOARD / page).glob("*.py"):
            for name in chosen_in(file):
                pages[name].add(page)
    assert {"order", "matrix_order", "page", "findings_page", "answers_page", "kind", "class_drawn"} <= set(pages)
    assert {name: users for name, users in pages.items() if len(users) > 1 and name not in SHARED} == {}
