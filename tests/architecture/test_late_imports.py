"""Modules that need torch are imported late, and under the lock that keeps two threads from entering torchvision at once."""

import ast
import functools
from collections.abc import Iterator

import pytest

from engine.core.paths import PROJECT

HEAVY = {"torch", "torchvision", "timm", "pytorch_grad_cam"}


def imported_names(node: ast.AST) -> set[str]:
    if isinstance(node, ast.Import):
        return {alias.name for alias in node.names}
    if isinstance(node, ast.ImportFrom) and node.module:
        return {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return set()


def is_type_checking(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and getattr(node.test, "id", "") == "TYPE_CHECKING"


@functools.cache
def module_imports(name: str) -> frozenset[str]:
    """What a module of the engine imports when it is imported itself; nothing for other names."""
    file = PROJECT / f"{name.replace('.', '/')}.py"
    if not name.startswith("engine.") or not file.exists():
        return frozenset()
    statements = [node for node in ast.parse(file.read_text(encoding="utf-8")).body if not is_type_checking(node)]
    return frozenset(one for node in statements for one in imported_names(node))


@functools.cache
def needs_torch(name: str) -> bool:
    """Whether importing a module imports torch: by itself, or through the modules of the engine that it imports."""
    needed, waiting = set(), [name]
    while waiting:
        one = waiting.pop()
        if one.partition(".")[0] in HEAVY:
            return True
        if one not in needed:
            needed.add(one)
            waiting += module_imports(one)
    return False


def imports_outside_the_lock(node: ast.AST) -> Iterator[str]:
    """Imports that need torch, except those in `with IMPORT_LOCK:` or for the type checker alone."""
    if isinstance(node, ast.With) and "IMPORT_LOCK" in ast.unparse(node.items[0].context_expr) or is_type_checking(node):
        return
    yield from (name for name in imported_names(node) if needs_torch(name))
    for child in ast.iter_child_nodes(node):
        yield from imports_outside_the_lock(child)


@pytest.mark.parametrize("file", sorted((PROJECT / "dashboard").rglob("*.py")), ids=lambda file: str(file.relative_to(PROJECT)))
def test_modules_that_need_torch_are_imported_under_the_lock(file):
    assert list(imports_outside_the_lock(ast.parse(file.read_text(encoding="utf-8")))) == []


def test_an_import_outside_of_the_lock_is_noticed():
    source = "def f():\n    from engine.models import model\n    with cache.IMPORT_LOCK:\n        import torch"
    assert list(imports_outside_the_lock(ast.parse(source))) == ["engine.models.model"]
