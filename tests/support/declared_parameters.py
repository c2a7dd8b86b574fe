"""The parameters of the address as the modules of the dashboard declare them."""

import importlib
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

from dashboard.app.url_state import Parameter

DASHBOARD = Path(__file__).resolve().parents[2] / "dashboard"


def modules(folder: Path) -> Iterator[ModuleType]:
    """Every module below a folder of the dashboard, except for the script that draws the app."""
    for file in sorted(folder.rglob("*.py")):
        name = ".".join(file.relative_to(DASHBOARD.parent).with_suffix("").parts).removesuffix(".__init__")
        if name != "dashboard.app.main":
            yield importlib.import_module(name)


def declared() -> dict[str, list[tuple[str, Parameter]]]:
    """By name: the modules that declare a parameter of that name, and the parameter; imported ones count once."""
    seen: set[int] = set()
    result: dict[str, list[tuple[str, Parameter]]] = defaultdict(list)
    for module in modules(DASHBOARD):
        for value in vars(module).values():
            if isinstance(value, Parameter) and id(value) not in seen:
                seen.add(id(value))
                result[value.name].append((module.__name__, value))
    return result
