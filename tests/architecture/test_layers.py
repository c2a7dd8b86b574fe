"""The layers: a package imports only the packages before it in its list, and nothing imports in a circle."""

import ast
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

from engine.core.paths import PROJECT

ENGINE = (
    "core", "data", "runs", "models", "embeddings", "evaluation", "training", "inference", "curation", "export", "bench", "cli",
)  # fmt: skip
SHARED = ("app", "charts", "cache", "components")
PAGES = ("start", "explore", "augment", "train", "runs", "evaluate", "clean", "predict")


def module_name(file: Path) -> str:
    return ".".join(file.relative_to(PROJECT).with_suffix("").parts).removesuffix(".__init__")


MODULES = {module_name(file): file for folder in ("engine", "dashboard") for file in sorted((PROJECT / folder).rglob("*.py"))}


def imported_modules(name: str) -> set[str]:
    """The project's own modules that a module imports, in functions too."""
    modules = set()
    for node in ast.walk(ast.parse(MODULES[name].read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            continue
        for one in names:
            while one and one not in MODULES:
                one = one.rpartition(".")[0]
            modules |= {one} - {"", name}
    return modules


def package(name: str) -> str:
    """`engine.data.filters` -> `data`; a module of no package stands for itself."""
    parts = name.split(".")
    return parts[1] if len(parts) > 1 else ""


def layers(top: str) -> set[tuple[str, str, str, str]]:
    """package, module, imported package, imported module: of all imports within `engine` or `dashboard` that cross packages."""
    return {
        (package(name), name, package(other), other)
        for name in MODULES
        for other in imported_modules(name)
        if name.startswith(f"{top}.") and other.startswith(f"{top}.") and package(name) != package(other)
    }


def test_the_engine_has_no_loose_modules():
    folder = PROJECT / "engine"
    assert sorted(file.name for file in folder.glob("*.py")) == ["__init__.py", "__main__.py"]
    assert {file.parent.name for file in folder.glob("*/__init__.py")} == set(ENGINE)


def test_the_dashboard_has_no_loose_modules():
    folder = PROJECT / "dashboard"
    assert sorted(file.name for file in folder.glob("*.py")) == ["__init__.py"]
    assert {file.parent.name for file in folder.glob("*/__init__.py")} == {*SHARED, *PAGES, "http"}


def test_an_engine_package_imports_only_those_before_it():
    upward = {
        f"{name} imports {other}"
        for ours, name, theirs, other in layers("engine")
        if ours in ENGINE and (theirs not in ENGINE or ENGINE.index(theirs) > ENGINE.index(ours))
    }
    assert upward == set()


def test_shared_packages_of_the_dashboard_import_only_those_before_them():
    upward = {
        f"{name} imports {other}"
        for ours, name, theirs, other in layers("dashboard")
        if ours in SHARED and (theirs not in SHARED or SHARED.index(theirs) > SHARED.index(ours))
    }
    assert upward == set()


def test_no_page_imports_another_page_or_the_server():
    crossing = {
        f"{name} imports {other}"
        for ours, name, theirs, other in layers("dashboard")
        if ours in PAGES and theirs in (*PAGES, "http")
    }
    assert crossing == set()


def test_nothing_imports_in_a_circle():
    graph = {name: imported_modules(name) for name in MODULES}
    packages: dict[str, set[str]] = {}
    for top in ("engine", "dashboard"):
        for ours, _, theirs, _ in layers(top):
            packages.setdefault(f"{top}.{ours}", set()).add(f"{top}.{theirs}")
    for one in (graph, packages):
        try:
            TopologicalSorter(one).prepare()
        except CycleError as error:
            pytest.fail(f"circle: {' -> '.join(error.args[1])}")


def needed_modules(name: str) -> set[str]:
    """A module and all of the project's modules that it needs, directly or through others, packages' `__init__` included."""
    needed, waiting = set(), [name]
    while waiting:
        one = waiting.pop()
        if one in MODULES and one not in needed:
            needed.add(one)
            waiting += [one.rpartition(".")[0], *imported_modules(one)]
    return needed


def imports_streamlit(name: str) -> bool:
    for node in ast.walk(ast.parse(MODULES[name].read_text(encoding="utf-8"))):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom):
            names = [node.module or ""]
        if any(one.partition(".")[0] == "streamlit" for one in names):
            return True
    return False


@pytest.mark.parametrize("name", [name for name in MODULES if package(name) == "charts"])
def test_charts_need_no_streamlit_not_even_through_other_modules(name):
    assert {one for one in needed_modules(name) if imports_streamlit(one)} == set()
