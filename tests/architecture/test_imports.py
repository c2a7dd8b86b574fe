"""Imports run one way: streamlit_app -> pages -> dashboard -> engine -> torch."""

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

from engine.core.paths import PROJECT

LIGHT = [
    "engine",
    "engine.runs.config",
    "engine.runs.run",
    "engine.data.catalog",
    "engine.data.datasets",
    "engine.evaluation.metrics",
    "engine.runs.history",
    "engine.training.launcher",
    "engine.models.registry",
    "engine.cli",
    "engine.data.predictions",
    "engine.core.lease",
    "engine.data.decoding",
    "engine.training.worker",
    "engine.embeddings.neighbours",
    "engine.embeddings.projection",
    "engine.embeddings.dataset_index",
    "engine.training.probes",
    "engine.training.time_estimate",
    "engine.evaluation.dynamics",
    "engine.inference.explain.examples",
    "engine.inference.explain.methods",
    "engine.evaluation.robustness.measurement",
    "engine.evaluation.robustness.summary",
    "engine.curation",
    "engine.evaluation.trust",
    "engine.evaluation.slices",
    "engine.evaluation.comparison",
    "engine.evaluation.roc",
    "engine.export.report",
]
HEAVY = {"torch", "torchvision", "timm", "sklearn", "cleanlab", "pytorch_grad_cam"}


def sources(folder):
    return sorted((PROJECT / folder).rglob("*.py"))


def imports(file: Path, at_module_level_only=False):
    """The names that a file imports, in functions too unless told otherwise."""
    result, open_ = set(), [ast.parse(file.read_text(encoding="utf-8"))]
    while open_:
        node = open_.pop()
        if isinstance(node, ast.Import):
            result |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            result |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
        if not (at_module_level_only and isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)):
            open_ += ast.iter_child_nodes(node)
    return result


def roots(names):
    return {name.partition(".")[0] for name in names}


def named(files):
    return [pytest.param(file, id=str(file.relative_to(PROJECT))) for file in files]


@pytest.mark.parametrize("file", named(sources("engine")))
def test_the_engine_knows_no_browser(file):
    assert roots(imports(file)) & {"streamlit", "plotly", "starlette", "dashboard", "pages", "streamlit_app"} == set()


@pytest.mark.parametrize("file", named(sources("dashboard")))
def test_the_dashboard_does_not_load_torch_to_open_nor_know_the_pages(file):
    assert roots(imports(file, at_module_level_only=True)) & HEAVY == set()
    assert roots(imports(file)) & {"pages", "streamlit_app"} == set()


@pytest.mark.parametrize("file", named(sources("pages")))
def test_a_page_is_at_most_80_lines_and_knows_no_torch(file):
    assert len(file.read_text(encoding="utf-8").splitlines()) <= 80
    assert roots(imports(file)) & HEAVY == set()


def test_what_the_pages_read_loads_no_torch():
    script = (
        "import importlib, json, sys\n"
        "loaded = {}\n"
        f"for name in {LIGHT!r}:\n"
        "    importlib.import_module(name)\n"
        f"    loaded[name] = sorted({HEAVY!r} & set(sys.modules))\n"
        "print(json.dumps(loaded))"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=PROJECT, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == {name: [] for name in LIGHT}


def test_no_source_file_swallows_every_error():
    for file in [*sources("engine"), *sources("dashboard"), *sources("pages")]:
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ExceptHandler):
                assert node.type is not None, f"bare except in {file}:{node.lineno}"
                absent = isinstance(node.type, ast.Name) and node.type.id == "ImportError"
                silent = all(isinstance(line, ast.Pass) for line in node.body)
                assert absent or not silent, f"error swallowed in {file}:{node.lineno}"
