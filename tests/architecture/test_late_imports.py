"""Names that are looked up on a module imported by text exist: neither a type checker nor a renaming tool sees them."""

import ast

from engine.core.paths import PROJECT


def test_every_name_of_a_late_import_exists():
    missing = []
    for file in PROJECT.glob("dashboard/**/*.py"):
        tree = ast.parse(file.read_text(encoding="utf-8"))
        for scope in [tree, *(node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef))]:
            for module, name in lookups(scope):
                if module.startswith("engine.") and name not in names_of(module):
                    missing.append(f"{file.relative_to(PROJECT)}: {module}.{name}")
    assert sorted(set(missing)) == []


def lookups(scope):
    """Pairs of module and name, as in `import_late("a.b").c`, or `b = import_late("a.b")` and later `b.c`."""
    variables = {}
    for node in ast.walk(scope):
        if isinstance(node, ast.Assign):
            targets = node.targets[0].elts if isinstance(node.targets[0], ast.Tuple) else [node.targets[0]]
            values = node.value.elts if isinstance(node.value, ast.Tuple) else [node.value]
            pairs = zip(targets, map(late_module, values), strict=False)
            variables |= {target.id: module for target, module in pairs if module and isinstance(target, ast.Name)}
    for node in ast.walk(scope):
        if isinstance(node, ast.Attribute):
            module = late_module(node.value) or variables.get(getattr(node.value, "id", None))
            if module:
                yield module, node.attr


def late_module(node):
    if isinstance(node, ast.Call) and getattr(node.func, "attr", getattr(node.func, "id", None)) == "import_late":
        return node.args[0].value if isinstance(node.args[0], ast.Constant) else None
    return None


def names_of(module):
    """What a module defines or imports at the top level, read without importing it: some load torch."""
    path = PROJECT / module.replace(".", "/")
    source = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    names = set()
    for node in ast.parse(source.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            names |= {alias.asname or alias.name for alias in node.names}
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            names |= {name.id for target in targets for name in ast.walk(target) if isinstance(name, ast.Name)}
    return names
