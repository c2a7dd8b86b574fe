"""Every engine test has a home of its own, and computes with one thread."""

from collections.abc import Iterator
from pathlib import Path

import pytest


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
