"""Panels and tabs that swallow or undo clicks (seen in Streamlit 1.64) are found in the source, before a person meets them.

Tabs, popovers and expanders are reset when their `default` or `expanded` moves, and every second click is lost. The widgets of a closed panel
are taken off the page, but send their old values again with the next click: what is kept elsewhere, in the address, is undone.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.core.paths import PROJECT

PANELS = {"popover", "expander"}
OWN = {PROJECT / "dashboard" / "app" / "widgets.py", PROJECT / "dashboard" / "app" / "tabs.py"}
KEPT_ELSEWHERE = {
    "show_value",
    "choose",
    "current_choice",
    "choose_page",
}  # of `dashboard.app.widgets` and `dashboard.app.url_state`
SOURCES = sorted(file for folder in ("dashboard", "pages") for file in (PROJECT / folder).rglob("*.py") if file not in OWN)


def faults(source: str) -> Iterator[str]:
    """What is wrong in a source, with its line."""
    tree = ast.parse(source)
    firsts = {
        target.id
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Call) and _name(node.value) == "initial_value"
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            yield from _call(node, firsts)
        if isinstance(node, ast.With) and any(_is_bare_panel(item.context_expr) for item in node.items):
            yield from (
                f"{call.lineno}: {_name(call)}() in a panel that is not of dashboard.app.widgets"
                for line in node.body
                for call in ast.walk(line)
                if isinstance(call, ast.Call) and _name(call) in KEPT_ELSEWHERE
            )


def _call(node: ast.Call, firsts: set[str]) -> Iterator[str]:
    name = node.func.attr
    if name == "tabs":
        yield f"{node.lineno}: tabs outside of dashboard.app.tabs"
    if name in PANELS:
        for keyword in node.keywords:
            constant = isinstance(keyword.value, ast.Constant) or (
                isinstance(keyword.value, ast.Name) and keyword.value.id in firsts
            )
            if keyword.arg in ("expanded", "default") and not constant:
                yield f"{node.lineno}: {name}({keyword.arg}=...) moves: use widgets.initial_value"


def _is_bare_panel(node: ast.expr) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in PANELS


def _name(call: ast.Call) -> str:
    return call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")


@pytest.mark.parametrize("file", [pytest.param(file, id=str(file.relative_to(PROJECT))) for file in SOURCES])
def test_no_panel_swallows_or_undoes_a_click(file: Path):
    assert list(faults(file.read_text(encoding="utf-8"))) == []


@pytest.mark.parametrize(
    ("source", "fault"),
    [
        ("st.tabs(['a'], default=chosen)", "1: tabs outside of dashboard.app.tabs"),
        ("left.expander('a', expanded=bool(drawn))", "1: expander(expanded=...) moves: use widgets.initial_value"),
        (
            "with st.popover('a'):\n    url.choose(st.selectbox, 'b', [], 'b')",
            "2: choose() in a panel that is not of dashboard.app.widgets",
        ),
        (
            "with st.expander('a') as panel, b:\n    if c:\n        show_value('d', 1)",
            "3: show_value() in a panel that is not of dashboard.app.widgets",
        ),
    ],
)
def test_each_kind_of_fault_is_found(source, fault):
    assert list(faults(source)) == [fault]


def test_what_does_not_move_is_allowed():
    source = "first = initial_value('a', bool(drawn))\nwith st.expander('a', expanded=first):\n    st.write('b')\nst.popover('c', key='d')"
    assert list(faults(source)) == []
