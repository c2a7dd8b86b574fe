"""Fixtures of the engine tests and of the tests of processes: a home of its own for each, one thread, processes to kill."""

import multiprocessing
import os
import shutil
import tempfile
from collections.abc import Iterator
from multiprocessing import forkserver
from multiprocessing.context import BaseContext
from pathlib import Path

import pytest

from engine.core.paths import PROJECT


@pytest.fixture(autouse=True)
def _own_home(home: Path) -> None:
    """SCENESCOPE_HOME points into the test's folder; `finished` may point it elsewhere afterwards."""


@pytest.fixture(scope="module")
def one_thread() -> Iterator[None]:
    """torch as in the processes that the tests start (see ONE_THREAD): numbers from both are compared."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def forks() -> BaseContext:
    """Starts processes in which torch and `victim` are loaded already: `forks.Process(target=victim.train, args=...)`."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["victim"])
    with pytest.MonkeyPatch.context() as patch:
        # The fork server of Python 3.11 is not told of `sys.path`, and passes over what it cannot import.
        patch.setenv("PYTHONPATH", os.pathsep.join([str(PROJECT), str(Path(__file__).parent)]))
        forkserver.ensure_running()
    return context


@pytest.fixture
def memory(tmp_path: Path) -> Iterator[Path]:
    """A folder in memory, where the machine has one: a kill is the same on any file system, and no disk is waited for."""
    shared = Path("/dev/shm")
    if not os.access(shared, os.W_OK):
        yield tmp_path
        return
    folder = Path(tempfile.mkdtemp(prefix="scenescope-test-", dir=shared))
    yield folder
    shutil.rmtree(folder)
