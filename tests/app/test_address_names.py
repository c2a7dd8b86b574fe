"""A name in the address means one thing: a choice made on one page does not turn up on another that uses the same word."""

import ast
from collections import defaultdict
from collections.abc import Iterator
from types import ModuleType

from declared_parameters import DASHBOARD, declared, modules

from dashboard.app.url_state import Parameter

PAGES = ("explore", "augment", "evaluate", "clean", "predict")
SHARED = {"dataset", "run"}  # on purpose: the page talks about the same thing as the one before
CHOICES = {"choose": 2, "current_choice": 0, "choose_page": 2}  # function of `url_state` -> place of the parameter


def chosen_in(module: ModuleType) -> Iterator[str]:
    """The names of parameters that a module lets a person choose, or writes."""
    for node in ast.walk(ast.parse(open(module.__file__, encoding="utf-8").read())):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
            continue
        if node.func.attr in CHOICES:
            used = node.args[CHOICES[node.func.attr]]
        else:
            used = node.func.value if node.func.attr == "write" else None
        parameter = getattr(module, used.id, None) if isinstance(used, ast.Name) else None
        if isinstance(parameter, Parameter):
            yield parameter.name


def test_a_parameter_is_declared_once():
    twice = {name: [module for module, _ in places] for name, places in declared().items() if len(places) > 1}
    assert twice == {}


def test_no_two_pages_choose_by_the_same_name():
    pages = defaultdict(set)
    for page in PAGES:
        for module in modules(DASHBOARD / page):
            for name in chosen_in(module):
                pages[name].add(page)
    assert {"order", "matrix_order", "page", "findings_page", "answers_page", "kind", "class_drawn"} <= set(pages)
    assert {name: users for name, users in pages.items() if len(users) > 1 and name not in SHARED} == {}
