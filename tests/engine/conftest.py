"""Every engine test has a home of its own."""

from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def _own_home(home: Path) -> None:
    """SCENESCOPE_HOME points into the test's folder; `finished` may point it elsewhere afterwards."""
