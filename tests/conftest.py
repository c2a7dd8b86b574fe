"""Tiny data that the suites share: generated scenes, a home folder of a test's own, one finished run for the session."""

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from command_line import run_command
from hypothesis import settings
from PIL import Image

PROJECT = Path(__file__).resolve().parent.parent
# The same examples each time, so that a failure is a change of the code. No deadline: no test asserts a time.
settings.register_profile("scenescope", derandomize=True, max_examples=50, deadline=None)
settings.load_profile("scenescope")
# Mountain and glacier overlap on purpose: a run on them makes mistakes.
COLOURS = {"forest": (40, 120, 50), "glacier": (165, 170, 180), "mountain": (150, 155, 165), "sea": (30, 80, 190)}
# On tiny images a second thread gains nothing, and on a busy machine the threads wait for each other.
ONE_THREAD = {"OMP_NUM_THREADS": "1"}


def scene(kind: str, seed: int, size: int = 64) -> Image.Image:
    """A picture of `kind`: its colour with noise of its own; the same seed, the same pixels."""
    rng = np.random.default_rng([seed, *kind.encode()])
    pixels = np.array(COLOURS[kind]) + rng.normal(0, 15, 3) + rng.normal(0, 25, (size, size, 1))
    return Image.fromarray(pixels.clip(0, 255).astype(np.uint8))


def _write_class(folder: Path, kind: str, count: int, first: int = 0) -> list[Path]:
    folder.mkdir(parents=True, exist_ok=True)
    files = [folder / f"{first + i:03d}.png" for i in range(count)]
    for i, file in enumerate(files):
        scene(kind, first + i).save(file)
    return files


@pytest.fixture(autouse=True)
def _main_module_stays() -> Iterator[None]:
    """AppTest leaves its script as `__main__`, which a test's child process would then try to run."""
    main = sys.modules["__main__"]
    yield
    sys.modules["__main__"] = main


@pytest.fixture(scope="session")
def write_class() -> Callable[..., list[Path]]:
    """write_class(folder, kind, count, first=0): `count` pictures of a kind, all different."""
    return _write_class


@pytest.fixture(scope="session")
def paint() -> Callable[..., Image.Image]:
    """paint(kind, seed, size=64): a picture of a kind; the same seed, the same pixels."""
    return scene


def _write_kaggle(root: Path, train: int = 14, test: int = 6, unlabelled: int = 3) -> Path:
    for kind in COLOURS:
        _write_class(root / "seg_train" / "seg_train" / kind, kind, train)
        _write_class(root / "seg_test" / "seg_test" / kind, kind, test, first=500)
    _write_class(root / "seg_pred" / "seg_pred", "sea", unlabelled, first=900)
    return root


@pytest.fixture
def kaggle(tmp_path: Path) -> Path:
    """A small folder in Kaggle's layout: 4 classes, 14 training and 6 test images each, 3 unlabelled."""
    return _write_kaggle(tmp_path / "scenes")


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty SCENESCOPE_HOME of this test's own."""
    folder = tmp_path / "home"
    monkeypatch.setenv("SCENESCOPE_HOME", str(folder))
    for name, value in ONE_THREAD.items():
        monkeypatch.setenv(name, value)
    return folder


def _engine(*arguments: object, home: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    texts, variables = [*map(str, arguments)], {**ONE_THREAD, "SCENESCOPE_HOME": str(home), **environment}
    if not environment:
        return run_command(texts, variables)
    # Variables that an interpreter reads at its start need a fresh one.
    return subprocess.run(
        [sys.executable, "-m", "engine", *texts], cwd=PROJECT, env=os.environ | variables,
        stdin=subprocess.DEVNULL, capture_output=True, encoding="utf-8", errors="surrogateescape", timeout=120,
    )  # fmt: skip


@pytest.fixture(scope="session")
def engine() -> Callable[..., subprocess.CompletedProcess[str]]:
    """engine("data", "list", home=folder): the command line; in a process of its own where variables of the environment are named."""
    return _engine


def _wait(condition: Callable[[], object], seconds: float = 90.0) -> object:
    """What `condition` gives once it is true; a failure of the test where it stays false."""
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        if time.monotonic() > deadline:
            pytest.fail(f"still not so after {seconds} s")
        time.sleep(0.02)
    return value


@pytest.fixture(scope="session")
def wait() -> Callable[..., object]:
    """wait(condition, seconds=90): what `condition` gives once it is true."""
    return _wait


@dataclass(frozen=True)
class Finished:
    """The session's run: the home and the images that it was made of, and what `train --json` did and printed."""

    home: Path
    images: Path
    train: subprocess.CompletedProcess[str]

    @property
    def run_id(self) -> str:
        return json.loads(self.train.stdout)["id"]


@pytest.fixture(scope="session")
def finished_session(tmp_path_factory: pytest.TempPathFactory) -> Finished:
    root = tmp_path_factory.mktemp("session")
    home, images = root / "home", _write_kaggle(root / "scenes")
    added = _engine("data", "add", images, home=home)
    assert added.returncode == 0, added.stderr
    train = _engine("train", "--dataset", "scenes", "--set", "image_size=64", "--json", home=home)
    assert train.returncode == 0, train.stderr
    return Finished(home, images, train)


@pytest.fixture
def finished(finished_session: Finished, monkeypatch: pytest.MonkeyPatch) -> Finished:
    """A finished `fast` run on four kinds of scene, as the current home. Shared: read it, change nothing."""
    monkeypatch.setenv("SCENESCOPE_HOME", str(finished_session.home))
    return finished_session


@dataclass(frozen=True)
class Mapped:
    """The session's home with a map of its dataset `scenes`, and what `map --json` printed."""

    home: Path
    process: subprocess.CompletedProcess[str]


@pytest.fixture(scope="session")
def mapped_session(finished_session: Finished, tmp_path_factory: pytest.TempPathFactory) -> Mapped:
    home = shutil.copytree(finished_session.home, tmp_path_factory.mktemp("mapped") / "home")
    process = _engine("map", "scenes", "--out", home / "points.csv", "--json", home=home)
    assert process.returncode == 0, process.stderr
    return Mapped(home, process)


@pytest.fixture
def mapped(mapped_session: Mapped, monkeypatch: pytest.MonkeyPatch) -> Mapped:
    """A home with a finished run and the map of its dataset, as the current one. Shared: read it, change nothing."""
    monkeypatch.setenv("SCENESCOPE_HOME", str(mapped_session.home))
    return mapped_session
